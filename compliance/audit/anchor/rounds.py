"""Which place is due, one anchoring, and what came of it.

Anchoring leaves no event in the trail: the event would be sealed under a new checkpoint, which would have to be
anchored, and so on for ever. The Anchor row is the record.

What is remembered of failures is in the cache. If it is lost, a place is tried a little earlier.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from compliance import clock

from .. import behind, seal
from ..models import Anchor, Checkpoint
from .places import Place, places
from .post import NotAnchored

HINT_LASTS = 60  # seconds after which a hint that was lost is made up for
FIRST_PAUSE = timedelta(minutes=1)  # after a failure; twice as long after each further one
LONGEST_PAUSE = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """`size` is the checkpoint that `place` was to have; `trouble` says why it has not, and is empty if it has."""

    place: str
    size: int
    trouble: str = ""


@dataclass(frozen=True)
class _Failed:
    count: int  # in a row
    until: datetime  # the place is left alone
    why: str


def due(now: datetime) -> list[Place]:
    """The places that lack the newest checkpoint and were last tried long enough ago: AUDIT_ANCHOR_MINUTES after one
    that they took, a pause after a failure."""
    named = places()
    newest = seal.newest() if named and not behind.behind() else None
    return [place for place in named if _due(place, newest, now)] if newest else []


def wake() -> None:
    """One hint to the workers for each place that is due: whoever calls this never waits for a place, and a place that
    hangs holds up itself alone."""
    for place in due(clock.now()):
        if cache.add(_key("hint", place.name), True, HINT_LASTS):
            async_task("compliance.audit.anchor.run", place.name, group="anchors")


def run(name: str) -> None:
    """Anchors the newest checkpoint at the place of this name, if it is due. The queue calls it by its dotted name."""
    cache.delete(_key("hint", name))
    newest = seal.newest()
    for place in due(clock.now()):
        if place.name == name and newest:
            _anchor(place, newest)


def anchor_all(checkpoint: Checkpoint) -> list[Outcome]:
    """Anchors `checkpoint`, the newest, now at each place that lacks it; tells of each place."""
    outcomes = []
    for place in places():
        last = anchored(place.name, checkpoint)
        there = last and last.size == checkpoint.size
        outcomes.append(Outcome(place.name, checkpoint.size) if there else _anchor(place, checkpoint))
    return outcomes


def anchored(name: str, newest: Checkpoint) -> Anchor | None:
    """What the place of this name has, up to `newest`: a row that is beyond the log stops no anchoring."""
    return Anchor.objects.filter(place=name, size__lte=newest.size).order_by("size").last()


def last_failure(name: str) -> str:
    """What went wrong at the place of this name the last time; empty if nothing did."""
    failed = _failed(name)
    return failed.why if failed else ""


def _due(place: Place, newest: Checkpoint, now: datetime) -> bool:
    last = anchored(place.name, newest)
    if last and last.size == newest.size:
        return False
    # Either span has two ends, so that a clock which was wrong for a while holds nothing up.
    if failed := _failed(place.name):
        return not now < failed.until <= now + LONGEST_PAUSE
    return last is None or not timedelta() <= now - last.at < timedelta(minutes=settings.AUDIT_ANCHOR_MINUTES)


def _anchor(place: Place, checkpoint: Checkpoint) -> Outcome:
    """One try. It counts as failed until it has gone well: one that hangs or is killed is not repeated at once."""
    before = _failed(place.name)
    count = before.count if before else 0
    _remember(place.name, count, _("it was tried and nothing came back yet"))
    try:
        receipt = place.take(checkpoint.size, checkpoint.note)
    except NotAnchored as error:
        why = str(error)
    except Exception as error:  # its text may hold the address
        why = _("an error in Erasure Desk (%s)") % type(error).__name__
    else:
        # Somebody else may have anchored the same at the same time: the row that is there stands.
        Anchor.objects.get_or_create(
            place=place.name, size=checkpoint.size, defaults={"at": clock.now(), "receipt": receipt}
        )
        cache.delete(_key("failed", place.name))
        if count:
            log.info("anchored again at %s (failures before: %d)", place.name, count)
        return Outcome(place.name, checkpoint.size)
    _remember(place.name, count, why)
    log.warning("not anchored at %s: %s", place.name, why)
    return Outcome(place.name, checkpoint.size, why)


def _remember(name: str, count: int, why: str) -> None:
    pause = min(FIRST_PAUSE * 2 ** min(count, 10), LONGEST_PAUSE)
    cache.set(_key("failed", name), _Failed(count + 1, clock.now() + pause, why), timeout=None)


def _failed(name: str) -> _Failed | None:
    found: _Failed | None = cache.get(_key("failed", name))
    return found


def _key(kind: str, name: str) -> str:
    return f"anchor:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:16]}"
