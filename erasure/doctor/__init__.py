"""An installation looked over: each thing that it needs, what was found, and the cure. Nothing is changed, and no
vendor is called.

    finding    what is said of one thing
    ground     what the desk stands on: keys, files, database, cache, clock
    work       whether it works: workers, trail, vendor accounts
    people     who can sign in and decide
    settings   what Django's system checks and ours say of the settings
"""

from collections.abc import Callable, Iterable, Iterator

from django.db import Error

from . import ground, people, settings, work
from .finding import Finding, Level, problem

__all__ = ["CHECKS", "Finding", "Level", "examine"]

#: What is looked at, in this order. Those after `database` are left out when it cannot be asked.
CHECKS: dict[str, Callable[[], Iterable[Finding]]] = {
    "key_ring": ground.key_ring,
    "signing_key": ground.signing_key,
    "evidence": ground.evidence,
    "disk": ground.disk,
    "cache": ground.cache,
    "settings": settings.system_checks,
    "database": ground.database,
    "newest_state": ground.newest_state,
    "data_keys": ground.data_keys,
    "clock": ground.clock,
    "suppression_key": ground.suppression_key,
    "workers": work.workers,
    "trail_sealed": work.trail_sealed,
    "trail_anchored": work.trail_anchored,
    "backup": work.backup,
    "vendors": work.vendors,
    "people": people.people,
}


def examine() -> Iterator[tuple[str, Finding]]:
    """What each check finds, by its name, as it is found."""
    for name, check in CHECKS.items():
        try:
            for finding in check():
                yield name, finding
                if name == "database" and finding.level == Level.PROBLEM:
                    return
        except Error as error:
            yield name, ground.database_away(error)
            return
        except Exception as error:
            text, cure = ground.not_looked_at(error)
            yield name, problem(text, cure)
