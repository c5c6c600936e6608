"""What was changed in a vendor account: as the trail tells it, and what it reaches.

The trail holds no personal data and keeps what it holds, so that a value is told only where it cannot name a person: a
switch, a number, one of given choices, identifier kinds, an address. Of any other text the name alone is told."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db.models import Q

from compliance.vault.seal import Unreadable
from erasure import planning
from erasure.connectors.base import KIND, BadSettings, Connector
from erasure.errors import Conflict
from erasure.models import PlanRevision, SubTask, Vendor
from erasure.states import CLAIMABLE, CaseStatus, RevisionStatus, SubTaskStatus

PACE = (
    *("first_poll_seconds", "max_poll_seconds"),
    *("calls_per_minute", "calls_per_week", "parallel_calls", "gather_seconds"),
)
# What the trail takes as a detail (compliance.audit.record), with room for a name and a second value.
PLAIN = re.compile(r"[A-Za-z0-9_.:/-]{1,80}")
ADDRESS = re.compile(r"https?://\S+")
UNSET = "unset"
MOST_COMPARED = 500  # plans, and as much work, of which a change is told with an exact number


def settings_of(vendor: Vendor, cls: type[Connector]) -> dict[str, Any]:
    """The account's settings but for its credentials, by the names that the trail gives them. An option that is not
    stored has its default."""
    options = {}
    for item in dataclasses.fields(cls.Options):
        default = item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
        options[item.name] = None if default is dataclasses.MISSING else default
    return {
        "base_url": vendor.base_url,
        "enabled": vendor.enabled,
        **{f"options.{name}": _listed(value) for name, value in {**options, **vendor.options}.items()},
        **{f"pace.{name}": getattr(vendor, name) for name in PACE},
    }


def told(cls: type[Connector], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Each setting that changed → how the trail tells it: `options.completion: attest to rerequest`, or its name."""
    choices = {f"options.{item.name}": item.metadata.get("choices", ()) for item in dataclasses.fields(cls.Options)}
    changes = {}
    for name in after:
        if after[name] != before.get(name):
            was, now = (_plain(values.get(name), choices.get(name, ())) for values in (before, after))
            changes[name] = f"{name}: {was} to {now}" if was and now else name
    return changes


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any, choices: Sequence[str]) -> str:
    """The value as a word for the trail; empty if it may not stand there."""
    if value in (None, "", []):
        return UNSET
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        word = "/".join(value) if all(isinstance(kind, str) and KIND.fullmatch(kind) for kind in value) else ""
    else:
        word = value if isinstance(value, str) and (value in choices or ADDRESS.fullmatch(value)) else ""
    return word if PLAIN.fullmatch(word) else ""


# --- what it reaches --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Bound:
    """What an account's change reaches: plans that await approval and have to be read again, and approved work that
    stops before its next call. `more_plans`, `more_work`: not all could be compared, so there may be more."""

    plans: int
    more_plans: bool
    work: int
    more_work: bool


def bound(vendor: Vendor) -> Bound:
    """What is bound to the account and no longer fits it. At most MOST_COMPARED of each are looked at."""
    waiting = Q(revision__status=RevisionStatus.OPEN) & ~Q(case__status=CaseStatus.DRAFT)
    plans = PlanRevision.objects.filter(pk__in=vendor.sub_tasks.filter(waiting).values("revision")).order_by("pk")
    plans = plans.select_related("case__data_key")[: MOST_COMPARED + 1]
    work = vendor.sub_tasks.filter(status__in=(*CLAIMABLE, SubTaskStatus.RUNNING)).order_by("next_at", "pk")
    work = work.select_related("case__data_key", "revision", "vendor")[: MOST_COMPARED + 1]
    return Bound(
        sum(not _same_plan(plan) for plan in list(plans)[:MOST_COMPARED]),
        len(plans) > MOST_COMPARED,
        sum(not _same_work(sub_task) for sub_task in list(work)[:MOST_COMPARED]),
        len(work) > MOST_COMPARED,
    )


def _same_plan(plan: PlanRevision) -> bool:
    with suppress(Unreadable, Conflict):  # its page says so
        return planning.is_current(plan.case, plan)
    return True


def _same_work(sub_task: SubTask) -> bool:
    with suppress(Unreadable, BadSettings):  # it stops, but not for what was changed
        return planning.still_approved(sub_task)
    return True
