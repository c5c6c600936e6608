"""What a change of a vendor account would reach, told before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from erasure import changes, vendors
from erasure.models import Vendor
from erasure.states import CLAIMABLE, CaseStatus

COUNTED = 500  # pieces of waiting work: so far and no farther


@dataclass(frozen=True)
class Reach:
    """`bound`: the plans to be read again and the approved work that stops, if what the account does would change.
    `waits`: how much approved work waits if it would be disabled, `more` if there is more than was counted."""

    bound: changes.Bound | None
    disables: bool
    waits: int
    more: bool

    @property
    def is_felt(self) -> bool:
        bound = self.bound
        stops = bound is not None and (bound.plans or bound.work or bound.more_plans or bound.more_work)
        return bool(stops or (self.disables and self.waits))


def reach(values: Mapping[str, Any], *, vendor: Vendor, by: Any) -> Reach:
    """What `vendors.save(values)` would reach. It is saved and taken back: nothing of it stays, no event either.
    Raises Invalid as saving does."""
    was, enabled = vendors.effect(vendor), vendor.enabled
    with transaction.atomic():
        saved = vendors.save(values, by=by)
        changed = (vendors.effect(saved), saved.enabled) != (was, enabled)
        bound = changes.bound(saved) if changed else None
        transaction.set_rollback(True)
    disables = enabled and not saved.enabled
    waits = 0
    if disables:
        open_ = saved.sub_tasks.filter(status__in=CLAIMABLE, case__status=CaseStatus.IN_PROGRESS)
        waits = open_.order_by()[: COUNTED + 1].count()
    return Reach(bound, disables, min(waits, COUNTED), waits > COUNTED)
