"""A vendor was put back from *its* backup: what it carried out since then, it has forgotten.

For each case in which it erased or restricted something after that time, a case of its own is opened for that vendor
alone, under the same law and reason, and submitted for approval. The person has asked once and was answered once: the
new case owes no reply, stands in no register of requests, and no vendor but this one is asked anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record, timestamp
from compliance.vault.seal import Unreadable
from erasure import actions, intake, lifecycle
from erasure.errors import DeskError
from erasure.models import Case, SubTask, Vendor
from erasure.states import ENDED, CaseStatus, Channel, Operation, Outcome

_DONE = (Outcome.ERASED, Outcome.PROCESSED, Outcome.RESTRICTED)
_REPLAYED = (Operation.ERASE, Operation.RESTRICT)
#: Of cases that do something again: nothing came of it, or not all.
_GIVEN_UP = (CaseStatus.REJECTED, CaseStatus.CANCELLED, CaseStatus.PARTLY_COMPLETED)


@dataclass(frozen=True)
class Replay:
    """What came of one case: `opened` is the reference of the new one (in a dry run empty), `before` of one that does
    it already; `why_not` says why there is none."""

    original: str
    opened: str = ""
    before: str = ""
    why_not: str = ""


def replay(vendor: Vendor, restored_to: datetime, *, by: Any, dry_run: bool = False) -> Iterator[Replay]:
    """Opens the cases one after the other, each in a transaction of its own, oldest work first. Repeated, it opens
    nothing twice: a case that was rejected or cancelled, or has ended in part, is opened again."""
    for pk in forgotten(vendor, restored_to).order_by("ended_at", "pk").values_list("pk", flat=True):
        if done := _replay(pk, vendor, restored_to, by, dry_run):
            yield done


def forgotten(vendor: Vendor, restored_to: datetime) -> QuerySet[SubTask]:
    """What the vendor did after that time and nobody has undone: a restriction that was lifted is over."""
    done = SubTask.objects.filter(
        vendor=vendor,
        operation__in=_REPLAYED,
        ended_at__gte=restored_to,
        follows=None,
        identifiers__outcome__in=_DONE,
        case__lifted_at=None,
    )
    return done.distinct()


def to_look_at(vendor: Vendor, restored_to: datetime) -> dict[str, list[str]]:
    """What else a person has to look at, as references of cases: liftings that the vendor has forgotten, and work of
    which it may have forgotten that it was asked."""
    work = SubTask.objects.filter(vendor=vendor, follows=None)
    lifted = work.filter(
        operation=Operation.UNRESTRICT, ended_at__gte=restored_to, identifiers__outcome=Outcome.UNRESTRICTED
    )
    asked = work.filter(sent_at__isnull=False).exclude(status__in=ENDED)
    return {"lifted": _references(lifted), "under_way": _references(asked)}


def _references(work: QuerySet[SubTask]) -> list[str]:
    return sorted(set(work.values_list("case__reference", flat=True)))


def _replay(pk: Any, vendor: Vendor, restored_to: datetime, by: Any, dry_run: bool) -> Replay | None:
    """None for a restriction that is over at this vendor, and in force at another."""
    with transaction.atomic():
        sub_task = SubTask.objects.get(pk=pk)
        original = Case.locked().get(pk=sub_task.case_id)
        if original.restricted_at and vendor.pk not in lifecycle.still_restricting(original):
            return None
        done = original.replayed_by.filter(vendors=vendor).exclude(status__in=_GIVEN_UP).first()
        if done:
            return Replay(original.reference, before=done.reference)
        try:
            found = _identifiers(original, sub_task)
            if dry_run:
                return Replay(original.reference)
            return Replay(original.reference, opened=_open(original, vendor, restored_to, found, by).reference)
        except Unreadable:
            if original.shredded_at:
                return Replay(
                    original.reference, why_not=_("its personal data was destroyed: nobody knows whose it was")
                )
            return Replay(original.reference, why_not=_("its identifiers cannot be read any more"))
        except DeskError as error:
            transaction.set_rollback(True)
            return Replay(original.reference, why_not=error.text)


def _identifiers(original: Case, sub_task: SubTask) -> list[tuple[str, str]]:
    """What the vendor knew the person by. Raises Unreadable."""
    found = []
    for use in sub_task.identifiers.filter(outcome__in=_DONE).select_related("identifier"):
        use.identifier.case = original
        found.append((use.identifier.kind, use.identifier.value()))
    return found


def _open(original: Case, vendor: Vendor, restored_to: datetime, found: list[tuple[str, str]], by: Any) -> Case:
    opening = intake.Opening(
        kind=original.kind,
        regime=original.regime,
        ground=original.ground,
        identifiers=found,
        country=original.country,
        subdivision=original.subdivision,
        channel=Channel.OTHER,
        vendors=[vendor.slug],
        handler=original.handler,
    )
    case = intake.open_case(opening, by=by)
    with lifecycle.changing(case, by) as case:
        now = clock.now()
        case.replays = original
        # Receipt, reply and the proof of who the person is are those of the first case.
        case.acknowledged_at = case.replied_at = now
        case.reply_channel = original.reply_channel or Channel.OTHER
        for name in ("method", "result", "checked_at", "checked_by"):
            setattr(case, f"identity_{name}", getattr(original, f"identity_{name}"))
        said = {"vendor": vendor.slug, "restored_to": timestamp(restored_to)}
        _tell(case, actions.CASE_REPLAYS, by, original=original.reference, **said)
        _tell(original, actions.CASE_REPLAYED, by, by_case=case.reference, by_id=str(case.pk), **said)
    lifecycle.submit(case, by=by)
    return case


def _tell(case: Case, action: str, by: Any, **details: str) -> None:
    record(action, actor=actor_of(by), case=case.reference, subject=f"case:{case.pk}", **details)
