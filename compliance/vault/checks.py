"""Whether this installation can be trusted with its keys: what a start asks, and Django's system checks.

Django runs the check of the database in `migrate` and `check --database default` alone, those for production with
`check --deploy`; so whoever starts asks `rotation.problem` itself."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from .models import DataKey
from .rotation import problem

log = logging.getLogger(__name__)


def register() -> None:
    checks.register(ring_opens, checks.Tags.database)
    checks.register(ring_is_apart, checks.Tags.security, deploy=True)
    checks.register(ring_is_private, checks.Tags.security, deploy=True)


def log_problem() -> None:
    """For a web server that starts: it serves what can still be read. Leaves no connection behind, which a server that
    forks would share."""
    try:
        if line := problem():
            log.error("%s", line)
    except DatabaseError:
        log.warning("The database cannot be asked which keys of the key ring it needs.")
    finally:
        connections[DEFAULT_DB_ALIAS].close()


def ring_opens(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """An error where there is something to open: before the first `migrate` there is no ring yet."""
    if DEFAULT_DB_ALIAS not in (databases or []):
        return []
    try:
        if not DataKey.objects.exists() or not (line := problem()):
            return []
    except DatabaseError:  # not migrated yet, or not there: others say so
        return []
    return [checks.Error(line, hint="docs/operations/keys.md.", id="vault.E001")]


def ring_is_apart(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whoever copies one folder must not have both what is sealed and what opens it (design: personal data)."""
    above = set(Path(settings.KEY_RING).resolve().parents)
    sealed, database = {Path(settings.EVIDENCE_DIR).resolve()}, settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        sealed.add(Path(database["NAME"]).resolve().parent)
    data = Path(settings.DATA_DIR).resolve()
    if any(data in (place, *place.parents) for place in sealed):
        sealed.add(data)
    if not (shared := sorted(sealed & above)):
        return []
    return [
        checks.Warning(
            f"The key ring is in one folder with what it seals, {shared[-1]}: whoever gets hold of the folder, or of a "
            "backup of it, can read all personal data, destroyed data too.",
            hint="Move it to a folder that is guarded and backed up apart, and name it with KEY_RING.",
            id="vault.W001",
        )
    ]


def ring_is_private(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    path = Path(settings.KEY_RING)
    try:
        mode = path.stat().st_mode
    except OSError:  # whoever needs it says so
        return []
    if not mode & 0o077:
        return []
    return [
        checks.Warning(
            f"Others than its owner may use the key ring, {path} (mode {mode & 0o777:04o}): whoever reads it can open "
            "all personal data.",
            hint="chmod 600 the file. If somebody else may have read it, run manage.py keys rotate --retire.",
            id="vault.W002",
        )
    ]
