"""Where each place stands, for people: how much of the log is anchored there, and whether it has fallen behind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max, OuterRef, Subquery
from django.utils.translation import gettext as _

from compliance import clock

from .. import seal
from ..models import Anchor, Checkpoint
from .places import places
from .rounds import last_failure

_SOON = timedelta(hours=1)  # nobody is alarmed before, however often a place is due


@dataclass(frozen=True)
class Standing:
    """`size` is the newest checkpoint that is anchored at `place` and `at` when it was; None if none is. `stale`: the
    next one has waited for six times AUDIT_ANCHOR_MINUTES, and an hour at least. `trouble` is what went wrong last
    time, or empty. `configured`: the settings still name the place; another is neither due nor stale. `alarm`: why what
    is said to be anchored there cannot be of this log, or empty."""

    place: str
    size: int | None
    at: datetime | None
    stale: bool
    configured: bool
    trouble: str = ""
    alarm: str = ""


class _Last(NamedTuple):
    size: int
    at: datetime


def standing() -> list[Standing]:
    """The places of the settings in their order, then those that had checkpoints before. Empty if there was never any:
    then the log can be rewritten unseen by whoever has the database and the signing key."""
    named = [place.name for place in places()]
    newest = seal.newest()
    kept = _kept(newest)
    if any(most > (newest.size if newest else 0) for most, _last in kept.values()):
        newest = seal.newest()  # meanwhile more may have been sealed and anchored
    names = [*named, *(name for name in kept if name not in named)]
    first_over = cache(seal.first_over)  # as a rule all places have the same
    return [_standing(name, name in named, *kept.get(name, (0, None)), newest, first_over) for name in names]


def _kept(newest: Checkpoint | None) -> dict[str, tuple[int, _Last | None]]:
    """Of each place the largest size that any row says is anchored there, and the last one up to `newest`: a row that
    is beyond the log says nothing. One query, however many places there are."""
    up_to = Anchor.objects.filter(place=OuterRef("place"), size__lte=newest.size if newest else 0).order_by("-size")
    rows = (
        Anchor.objects.order_by("place")
        .values("place")
        .annotate(most=Max("size"), last=Subquery(up_to.values("size")[:1]), last_at=Subquery(up_to.values("at")[:1]))
    )
    return {row["place"]: (row["most"], _Last(row["last"], row["last_at"]) if row["last"] else None) for row in rows}


def _standing(
    name: str,
    configured: bool,
    most: int,
    last: _Last | None,
    newest: Checkpoint | None,
    first_over: Callable[[int], Checkpoint | None],
) -> Standing:
    """`most` is the largest size that any row says is anchored there, `last` the newest that can be of this log."""
    size = newest.size if newest else 0
    patience = max(6 * timedelta(minutes=settings.AUDIT_ANCHOR_MINUTES), _SOON)
    # What it took was the newest then: nothing has waited for longer than that, and nothing has to be looked up.
    patient = last is not None and (last.size == size or timedelta() <= clock.now() - last.at <= patience)
    behind = None if patient else first_over(last.size if last else 0)
    return Standing(
        place=name,
        size=last.size if last else None,
        at=last.at if last else None,
        stale=configured and behind is not None and clock.now() - behind.at > patience,
        configured=configured,
        trouble=last_failure(name) if configured else "",
        alarm=_shorter(most) if most > size else "",
    )


def _shorter(size: int) -> str:
    said = _("The log is shorter than the %d events anchored there: it was cut back or restored, or a row was forged.")
    return said % size
