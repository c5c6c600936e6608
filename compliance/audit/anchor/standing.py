"""Where each place stands, for people: how much of the log is anchored there, and whether it has fallen behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _

from compliance import clock

from .. import seal
from ..models import Anchor, Checkpoint
from .places import places
from .rounds import anchored, last_failure

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


def standing() -> list[Standing]:
    """The places of the settings in their order, then those that had checkpoints before. Empty if there was never any:
    then the log can be rewritten unseen by whoever has the database and the signing key."""
    named = [place.name for place in places()]
    # Read before the newest checkpoint: meanwhile more may be sealed and anchored.
    kept = dict(Anchor.objects.order_by("place").values_list("place").annotate(Max("size")))
    newest = seal.newest()
    names = [*named, *(name for name in kept if name not in named)]
    return [_standing(name, name in named, kept.get(name, 0), newest) for name in names]


def _standing(name: str, configured: bool, most: int, newest: Checkpoint | None) -> Standing:
    """`most` is the largest size that any row says is anchored there."""
    last = anchored(name, newest) if newest else None
    patience = max(6 * timedelta(minutes=settings.AUDIT_ANCHOR_MINUTES), _SOON)
    # What it took was the newest then: nothing has waited for longer than that, and nothing has to be looked up.
    patient = last is not None and timedelta() <= clock.now() - last.at <= patience
    behind = None if patient else seal.first_over(last.size if last else 0)
    return Standing(
        place=name,
        size=last.size if last else None,
        at=last.at if last else None,
        stale=configured and behind is not None and clock.now() - behind.at > patience,
        configured=configured,
        trouble=last_failure(name) if configured else "",
        alarm=_shorter(most) if most > (newest.size if newest else 0) else "",
    )


def _shorter(size: int) -> str:
    said = _("The log is shorter than the %d events anchored there: it was cut back or restored, or a row was forged.")
    return said % size
