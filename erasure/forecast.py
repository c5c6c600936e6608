"""When the vendors' work of a case will probably end, and until when its plan has to be approved for that.

It speaks of the work, never of the law's time: that ends with the reply, which may say what is under way and until
when.
Days, not hours: what lately took long, or is said to, is a rough measure of what will."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from compliance import clock
from compliance.deadlines import is_working_day
from erasure.connectors.base import BadSettings
from erasure.models import Case, SubTask
from erasure.planning import NO_IDENTIFIER, refused_on
from erasure.states import CLAIMABLE, CaseStatus, Operation, RevisionStatus, SubTaskStatus

DAY = timedelta(days=1)
SAME_DAY = timedelta(hours=8)  # what takes no longer ends on the day on which it begins
AT_ONCE = 500  # cases foreseen in one go
_UNKNOWN = (SubTaskStatus.NEEDS_ATTENTION, SubTaskStatus.AWAITING_IDENTIFIER)  # no vendor is at work


@dataclass(frozen=True)
class Forecast:
    """ends_on     when the last of the open work will probably end; None where there is none, or nothing is known
    approve_by  the last working day on which the open plan version may be approved, so that its work will probably end
                by the due date; None where none is open, no reply is owed, or nothing is known
    at_risk     a reply is owed, and the work will probably end after the due date
    unknown     the vendors of which it is not known how long they take, by name"""

    ends_on: date | None = None
    approve_by: date | None = None
    at_risk: bool = False
    unknown: tuple[str, ...] = ()


def of(case: Case) -> Forecast:
    """Of a case with its `sub_tasks`, their vendors and plan versions as they were fetched with it."""
    work, today = open_work(case), clock.today()
    ends = [end for sub_task in work if (end := expected_end(sub_task, today))]
    ends_on = max(ends, default=None)
    owed = case.is_unanswered and CaseStatus(case.status).is_open
    return Forecast(
        ends_on=ends_on,
        approve_by=_approve_by(case, work) if owed else None,
        at_risk=bool(owed and ends_on and ends_on > case.due_on),
        unknown=tuple(dict.fromkeys(str(sub_task.vendor) for sub_task in work if not expected_end(sub_task, today))),
    )


def open_work(case: Case) -> list[SubTask]:
    """What a case waits for: not what is refused in its plan, nor a vendor that is only asked again."""
    return [
        sub_task
        for sub_task in case.sub_tasks.all()
        if sub_task.ended_at is None and not sub_task.follows_id and not refused_on(sub_task.reason)
    ]


def expected_end(sub_task: SubTask, today: date) -> date | None:
    """The day on which one vendor's part will probably end, if it is approved today or was: by how long such work took
    lately, else by what the vendor said when it took it, else by what its account is set to. What should have ended
    ends today at the earliest. None: it has ended, only asks again, waits for a person who cannot be foreseen, or
    nothing is known."""
    if sub_task.ended_at or sub_task.follows_id or sub_task.status in _UNKNOWN or sub_task.reason == NO_IDENTIFIER:
        return None
    begun = _begun(sub_task, today)
    days = [
        begun + whole_days(observed) if (observed := _observed(sub_task)) else None,
        _day(sub_task.expected_at) if sub_task.expected_at else None,
        begun + whole_days(stated) if (stated := _stated(sub_task)) else None,
    ]
    known = [day for day in days if day]
    return next((day for day in known if day >= today), today) if known else None


def latest_start(due_on: date, lead: timedelta, *, country: str = "", subdivision: str = "") -> date:
    """The last working day on which work may begin that takes so long and is to end by `due_on`."""
    day = due_on - whole_days(lead)
    while not is_working_day(day, country, subdivision):
        day -= DAY
    return day


def whole_days(lead: timedelta) -> timedelta:
    """As days that are added to a date: rounded up, but what takes no longer than a working day ends on the same."""
    return timedelta() if lead <= SAME_DAY else DAY * math.ceil(lead / DAY)


def lead_time(sub_task: SubTask) -> timedelta | None:
    """How long such work takes, from the approval on: as observed, else as stated; None where that is not known."""
    return _observed(sub_task) or _stated(sub_task)


def _approve_by(case: Case, work: Iterable[SubTask]) -> date | None:
    planned = [item for item in work if item.revision.status == RevisionStatus.OPEN and item.reason != NO_IDENTIFIER]
    leads = [lead for sub_task in planned if (lead := lead_time(sub_task))]
    if not leads:
        return None
    return latest_start(case.due_on, max(leads), country=case.country, subdivision=case.subdivision)


def _begun(sub_task: SubTask, today: date) -> date:
    """What has not been sent begins today at the earliest, whatever has kept it back; work by hand, with the
    approval."""
    if sub_task.sent_at:
        return _day(sub_task.sent_at)
    approved_at = sub_task.revision.approved_at
    return today if approved_at is None or sub_task.status in CLAIMABLE else _day(approved_at)


def _observed(sub_task: SubTask) -> timedelta | None:
    seconds = sub_task.vendor.lead_times.get(sub_task.operation)
    return timedelta(seconds=seconds) if seconds else None


def _stated(sub_task: SubTask) -> timedelta | None:
    try:
        connector = sub_task.vendor.speaks()
    except BadSettings:
        return None
    if sub_task.by_hand and not connector.by_hand:  # a person does it, at what pace nobody has said
        return None
    return connector.takes(Operation(sub_task.operation))


def _day(at: datetime) -> date:
    return timezone.localtime(at, timezone.get_default_timezone()).date()


# --- kept with the cases, for lists -----------------------------------------------------------------------------------


def look_ahead() -> None:
    """Brings `Case.at_risk` up to date, of open cases that owe a reply and have changed since they were last foreseen,
    or were not today: of so many at a time."""
    now, midnight = clock.now(), _midnight()
    open_ = Case.objects.filter(Case.unanswered(), closed_at=None)
    stale = open_.filter(Q(foreseen_at=None) | Q(foreseen_at__lt=midnight) | Q(foreseen_at__lt=F("updated_at")))
    cases = stale.order_by(F("foreseen_at").asc(nulls_first=True), "id")
    fetched = cases.defer("requester_sealed", "external_id_sealed").prefetch_related(
        "sub_tasks__vendor", "sub_tasks__revision"
    )
    verdicts: dict[bool, list[UUID]] = {True: [], False: []}
    for case in fetched[:AT_ONCE]:
        verdicts[of(case).at_risk].append(case.pk)
    for at_risk, numbers in verdicts.items():
        if not numbers:
            continue
        with transaction.atomic():
            # Waits for nobody, so that it holds up nobody: what is being changed is foreseen with the next look. What
            # changes afterwards has a later `updated_at`, and is foreseen anew.
            free = Case.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=numbers)
            Case.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(at_risk=at_risk, foreseen_at=now)


def at_risk() -> Q:
    """The cases that are at risk, for a query."""
    return Case.unanswered() & Q(closed_at=None, at_risk=True)


def _midnight() -> datetime:
    return timezone.make_aware(datetime.combine(clock.today(), datetime.min.time()), timezone.get_default_timezone())
