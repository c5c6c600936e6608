"""The ledger of recipients of a case: who was told of the erasure or restriction, when and how, or why not (GDPR art.
19). Reads only; what people record is changed in `lifecycle`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _

from compliance.vault.seal import NOT_OPENED
from erasure import planning
from erasure.models import Case, Recipient, SubTask, Vendor
from erasure.states import (
    ENDED,
    Assurance,
    CaseStatus,
    Channel,
    Kind,
    NotTold,
    RefusalGround,
    RevisionStatus,
    SubTaskStatus,
)

_PROVEN = (Assurance.CONFIRMED, Assurance.ASKED_AGAIN)
_UNDONE = (CaseStatus.REJECTED, CaseStatus.CANCELLED)  # nothing was erased, so there is nothing to tell


class Standing(StrEnum):
    """How it stands with one recipient. `excused`: somebody recorded why it need not be told, or refused the request
    for it on a ground; `not_held`: it was searched and held nothing; `not_owed`: nobody has to be told in this case;
    `open`: neither told nor a why-not."""

    TOLD = "told"
    EXCUSED = "excused"
    NOT_HELD = "not_held"
    UNDER_WAY = "under_way"
    NOT_OWED = "not_owed"
    OPEN = "open"


BY_HAND = "by_hand"  # beside the channels: a person did the vendor's part
UNCLEAR = "unclear"  # beside the reasons: something was sent, and no answer tells whether it came there


@dataclass(frozen=True)
class Line:
    """One recipient: a vendor of the case (`vendor`), a further recipient (`row`), or a vendor of which people recorded
    something (both).

    told_on, channel   when and how it was told: a `Channel`, or BY_HAND
    confirmed_on       since when the vendor's whole part is proven to be done
    reason             why it was not told: a `NotTold`, justified in a note; else a reason of the vendor's part, or
                       UNCLEAR
    """

    standing: Standing
    vendor: Vendor | None = None
    row: Recipient | None = None
    told_on: date | None = None
    channel: str = ""
    confirmed_on: date | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """What names it in its case: a vendor's slug, or the id of a further recipient."""
        return self.vendor.slug if self.vendor else str(self.row.pk) if self.row else ""

    @property
    def name(self) -> str:
        """A vendor's name, or what is sealed; a sentence where that cannot be opened."""
        if self.vendor or not self.row:
            return self.vendor.name if self.vendor else ""
        try:
            return str(self.row.unseal("name"))
        except NOT_OPENED:
            return _("destroyed") if self.row.case.shredded_at else _("cannot be opened")

    @property
    def how(self) -> str:
        """How it was told, in the reader's language."""
        known = {BY_HAND: _("by a member of staff"), Channel.API.value: _("through its API")}
        return known.get(self.channel) or (str(Channel(self.channel).label) if self.channel else "")

    @property
    def why_not(self) -> str:
        """Why it was not told, in the reader's language."""
        if self.reason in NotTold:
            return str(NotTold(self.reason).label)
        if (ground := planning.refused_on(self.reason)) in RefusalGround:
            return _("the request was refused for it (%(ground)s)") % {"ground": RefusalGround(ground).label}
        return _("Whether it came there is not known.") if self.reason == UNCLEAR else planning.reason_text(self.reason)

    @property
    def justified(self) -> bool:
        return self.standing == Standing.EXCUSED

    @property
    def is_open(self) -> bool:
        return self.standing == Standing.OPEN

    @property
    def may_be_told(self) -> bool:
        """Whether a person may record something of it."""
        return self.standing != Standing.TOLD


def lines(case: Case) -> list[Line]:
    """The vendors of the case by name, then further recipients in the order they were added. What is prefetched of the
    case (`sub_tasks` with `vendor`, `revision` and `identifiers`; `recipients`) is not fetched again."""
    recorded = list(case.recipients.all())
    for item in recorded:
        item.case = case  # its data key may be here already
    by_vendor = {item.vendor_id: item for item in recorded if item.vendor_id}
    work: dict[Vendor, list[SubTask]] = {}
    for sub_task in _work(case):
        if sub_task.revision.status != RevisionStatus.OPEN:
            work.setdefault(sub_task.vendor, []).append(sub_task)
    vendors = [
        _of_vendor(case, vendor, work[vendor], by_vendor.get(vendor.pk))
        for vendor in sorted(work, key=lambda vendor: vendor.name)
    ]
    further = [item for item in recorded if not item.vendor_id]
    return vendors + [_recorded(item, None) or Line(_untold(case), row=item) for item in further]


def owed(case: Case) -> bool:
    """Whether recipients have to be told: of an erasure or a restriction that was, or is being, carried out."""
    return case.kind in (Kind.ERASURE, Kind.RESTRICTION) and case.status not in _UNDONE


def _of_vendor(case: Case, vendor: Vendor, work: list[SubTask], row: Recipient | None) -> Line:
    if case.kind != Kind.EXPORT and (told := _told_by_desk(vendor, work)):  # a copy tells nobody to erase
        return told
    if row and (recorded := _recorded(row, vendor)):
        return recorded
    if any(sub_task.status not in ENDED for sub_task in work):
        return Line(Standing.UNDER_WAY, vendor, row)
    last = max(work, key=lambda sub_task: sub_task.revision.number)
    standing = Standing.NOT_HELD if last.reason == "searched_none" else _untold(case)
    if standing == Standing.OPEN and planning.refused_on(last.reason):
        standing = Standing.EXCUSED
    return Line(standing, vendor, row, reason=last.reason or UNCLEAR)


def _told_by_desk(vendor: Vendor, work: Iterable[SubTask]) -> Line | None:
    """Of a vendor that was asked by its API, or whose part a person has done."""
    asked = [sub_task for sub_task in work if _was_asked(sub_task)]
    by_hand = [sub_task for sub_task in work if _done_by_hand(sub_task)]
    told = _days([*(item.committed_at for item in asked), *(item.ended_at for item in by_hand)])
    if not told:
        return None
    parts = [*asked, *by_hand]
    proven = all(item.status == SubTaskStatus.DONE and item.assurance in _PROVEN for item in parts)
    return Line(
        Standing.TOLD,
        vendor,
        told_on=min(told),
        channel=Channel.API if asked else BY_HAND,
        confirmed_on=max(_days(item.ended_at for item in parts), default=None) if proven else None,
    )


def _was_asked(sub_task: SubTask) -> bool:
    """Whether the vendor is known to have got what was sent: not, while no answer has come."""
    if not sub_task.committed_at:
        return False
    levels = {use.assurance for use in sub_task.identifiers.all()}
    return sub_task.status == SubTaskStatus.DONE or bool(levels - {Assurance.NONE})


def _done_by_hand(sub_task: SubTask) -> bool:
    done = sub_task.status == SubTaskStatus.DONE and not sub_task.committed_at
    return done and sub_task.reason != "searched_none"


def _recorded(row: Recipient, vendor: Vendor | None) -> Line | None:
    """What people recorded; None if that is neither of both."""
    if row.told_on:
        return Line(Standing.TOLD, vendor, row, told_on=row.told_on, channel=row.channel)
    return Line(Standing.EXCUSED, vendor, row, reason=row.why_not) if row.why_not else None


def _untold(case: Case) -> Standing:
    if not owed(case):
        return Standing.NOT_OWED
    begun = case.status not in (CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL)
    return Standing.OPEN if begun else Standing.UNDER_WAY


def _work(case: Case) -> list[SubTask]:
    """Its work at vendors, without what only asks again."""
    found = getattr(case, "_prefetched_objects_cache", {}).get("sub_tasks")
    if found is None:
        found = case.sub_tasks.select_related("vendor", "revision").prefetch_related("identifiers")
    return [sub_task for sub_task in found if not sub_task.follows_id]


def _days(times: Iterable[datetime | None]) -> list[date]:
    """In the desk's zone."""
    return [at.astimezone(get_default_timezone()).date() for at in times if at]
