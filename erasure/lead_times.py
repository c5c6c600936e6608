"""How long vendors lately took, from the approval to the end: measured now and then, and kept with their accounts."""

from datetime import timedelta
from statistics import median
from typing import Any

from erasure.models import SubTask, SubTaskIdentifier, Vendor
from erasure.states import Operation, Outcome, SubTaskStatus

FEWEST, MOST = 5, 20  # the pieces of work of which the median is taken: fewer tell nothing
LOOKED_AT = 60  # the last to have ended, of which those that found nobody are left out: they end early


def measure() -> None:
    """Brings `Vendor.lead_times` up to date. A few bounded queries an account, however much it has done."""
    for vendor in Vendor.objects.only("pk", "lead_times").order_by("pk"):
        found = {str(operation): seconds for operation in Operation if (seconds := _usual(vendor, operation))}
        if found != vendor.lead_times:
            Vendor.objects.filter(pk=vendor.pk).update(lead_times=found)


def _usual(vendor: Vendor, operation: Operation) -> int | None:
    """The seconds that this usually takes there; None where too little has been done to tell."""
    done = SubTask.objects.filter(vendor=vendor, operation=operation, status=SubTaskStatus.DONE, follows=None)
    times = list(done.order_by("-ended_at").values_list("pk", "revision__approved_at", "ended_at")[:LOOKED_AT])
    held = _that_found_somebody([pk for pk, *_rest in times])
    took = [ended - begun for pk, begun, ended in times if pk in held and begun and ended]
    return whole(took[:MOST])


def _that_found_somebody(numbers: list[Any]) -> set[Any]:
    uses = SubTaskIdentifier.objects.filter(sub_task__in=numbers).exclude(outcome=Outcome.NOT_HELD)
    return set(uses.order_by().values_list("sub_task", flat=True))


def whole(took: list[timedelta]) -> int | None:
    """The median in whole seconds, at least one; None of fewer than `FEWEST`."""
    if len(took) < FEWEST:
        return None
    return max(1, round(median(item.total_seconds() for item in took)))
