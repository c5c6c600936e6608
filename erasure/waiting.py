"""What a sub-task waits for, in one sentence, so that nothing is ever stuck in silence."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock, formats
from compliance.language import shown
from erasure import due, planning
from erasure.connectors.base import BadSettings, Step
from erasure.models import Case, SubTask
from erasure.states import CLAIMABLE, CaseStatus, IdentifierState, Operation, Pause, RevisionStatus, SubTaskStatus


def decisions(case: Case) -> str:
    """What the whole case waits for of people, in sentences; empty when vendors alone are at work, or nothing is. Of a
    case that is cancelled: that what was sent is followed."""
    if not CaseStatus(case.status).is_open:  # a vendor may still be asked again
        return " ".join(dict.fromkeys(filter(None, map(for_a_person, _work(case)))))
    lines = [_("The case is on hold: nothing is sent until it is released.")] if case.held_at else []
    if case.status == CaseStatus.DRAFT:
        return " ".join([*lines, _("The draft has to be submitted for approval.")])
    if case.cancelled_at:
        lines.append(_("The case is cancelled: what was sent cannot be recalled and is followed to its end."))
    else:
        lines += [undecided(case), notice(case)]
        for revision in case.revisions.all():
            if revision.status == RevisionStatus.OPEN:
                lines.append(_("Plan version %(number)s awaits approval.") % {"number": revision.number})
    lines += [for_a_person(sub_task) for sub_task in _work(case)]
    return " ".join(dict.fromkeys(filter(None, lines)))  # two plan versions may wait at one vendor for the same


def for_a_person(sub_task: SubTask) -> str:
    """That one vendor's part waits for a person, and what for; empty when it does not, or not yet."""
    match SubTaskStatus(sub_task.status):
        case SubTaskStatus.NEEDS_ATTENTION if sub_task.follows_id:
            text = _("%(vendor)s was asked again: read what came of it, then have it tried again or close it.")
        case SubTaskStatus.NEEDS_ATTENTION:
            text = _("%(vendor)s needs attention: have it tried again, or give it up.")
        case SubTaskStatus.AWAITING_ATTESTATION if not sub_task.case.held_at:
            text = _("%(vendor)s waits for a person who confirms by hand that it is done.")
        case SubTaskStatus.AWAITING_IDENTIFIER if not taken_over_by(sub_task):
            text = _("%(vendor)s waits for an identifier: look the person up there.")
        case _:
            return ""
    return text % {"vendor": sub_task.vendor}


def _work(case: Case) -> list[SubTask]:
    """The sub-tasks of a case with their vendors and plan versions: as they were fetched with it, or from the
    database."""
    fetched = getattr(case, "_prefetched_objects_cache", {}).get("sub_tasks")
    if fetched is not None:
        return list(fetched)
    found = list(case.sub_tasks.select_related("vendor", "revision"))
    for sub_task in found:
        sub_task.case = case
    return found


def undecided(case: Case) -> str:
    """That suggested identifiers of the case await a decision; empty when there are none."""
    count = sum(item.state == IdentifierState.PROPOSED for item in case.identifiers.all())
    if not count:
        return ""
    text = ngettext(
        "%(count)s suggested identifier awaits a decision: accept or dismiss it.",
        "%(count)s suggested identifiers await a decision: accept or dismiss each.",
        count,
    )
    return text % {"count": count}


def notice(case: Case) -> str:
    """That the person has to be told of the lifting first; empty where that is done or not asked for."""
    if not due.awaits_notice(case) or case.cancelled_at:
        return ""
    return _("The person has to be told that the restriction will be lifted: nothing is done before that is recorded.")


def waits_for(sub_task: SubTask) -> str:
    """What has to happen next, and who does it; empty when nothing does."""
    vendor, status = sub_task.vendor, SubTaskStatus(sub_task.status)
    if status in (SubTaskStatus.READY, SubTaskStatus.WAITING):
        if sub_task.case.held_at:
            return _("On hold: nothing is sent until the case is released.")
        if sub_task.acts_unasked:
            pass  # nothing is to be sent
        elif vendor.pause:
            return _("The vendor account is paused (%(why)s): it goes on once that is over.") % {
                "why": Pause(vendor.pause).label
            }
        elif not vendor.enabled:
            return _("The vendor account is disabled: it goes on once it is enabled.")
        elif rests := _rests_until(sub_task):
            if rests == vendor.quota_until:
                text = _("The vendor's quota of %(count)s calls a week is used up: it goes on from %(at)s.")
            else:
                text = _("The vendor takes no calls for now: it goes on from %(at)s.")
            return text % {"count": vendor.calls_per_week, "at": _shown(rests)}
    if status == SubTaskStatus.AWAITING_ATTESTATION and sub_task.case.held_at:
        return _("On hold: nothing is done by hand until the case is released.")
    match status:
        case SubTaskStatus.PLANNED if sub_task.revision.status == RevisionStatus.APPROVED:
            return notice(sub_task.case)
        case SubTaskStatus.PLANNED:
            return _("An approval.")
        case SubTaskStatus.WAITING | SubTaskStatus.READY if sub_task.acts_unasked:
            return _("The vendor acts by itself: confirm it by hand as soon as its own screen says that it is done.")
        case SubTaskStatus.READY | SubTaskStatus.WAITING if gathering := gathers_until(sub_task):
            text = _("Gathers with other cases until %(at)s at the latest: %(step)s.")
            return text % {"at": _shown(gathering), "step": sub_task.step_label}
        case SubTaskStatus.READY:
            return _("To be sent: %(step)s.") % {"step": sub_task.step_label}
        case SubTaskStatus.RUNNING:
            return _("A call is under way: %(step)s.") % {"step": sub_task.step_label}
        case SubTaskStatus.WAITING:
            return _later(sub_task) % {"step": sub_task.step_label}
        case SubTaskStatus.AWAITING_IDENTIFIER:
            if number := taken_over_by(sub_task):
                text = _("An identifier was added: plan version %(number)s takes this over once it is approved.")
                return text % {"number": number}
            if _is_suggested(sub_task):
                return _("A suggested identifier may name the person here: decide about it first.")
            return _looked_up(sub_task)
        case SubTaskStatus.AWAITING_ATTESTATION:
            return shown(sub_task.attention_text) or _instructions(sub_task) or _("A person confirms it by hand.")
        case SubTaskStatus.NEEDS_ATTENTION:
            return shown(sub_task.attention_text)
    return ""


def why_not_sent(case: Case) -> str | None:
    """Said after an approval: what keeps the approved work from being sent, or None."""
    if case.held_at:
        return _("Approved. The case is on hold: it goes on once it is released.")
    if told := notice(case):
        return _("Approved.") + " " + told
    paused = case.sub_tasks.filter(status__in=CLAIMABLE).exclude(vendor__pause="")
    names = paused.order_by("vendor__name").values_list("vendor__name", flat=True).distinct()
    if not names:
        return None
    text = _("Approved. The vendor account is paused, and this work goes on once it is resumed: %(vendors)s.")
    return text % {"vendors": ", ".join(names)}


def _later(sub_task: SubTask) -> str:
    """What a step that waits for its time does then; a template with %(step)s."""
    step = _step(sub_task)
    if step and step.polls and step.commits:
        return _("The vendor is asked again, which can itself erase what is there by then (%(step)s).")
    if step and step.polls:
        return _("The vendor is asked again until it has done it (%(step)s).")
    return _("Goes on with: %(step)s.")


def _looked_up(sub_task: SubTask) -> str:
    """What to do at a vendor for which the case has no identifier, with the kinds that it takes."""
    with suppress(BadSettings):
        if kinds := planning.listed(sub_task.vendor.speaks().accepts):
            text = _(
                "Nothing here names the person at this vendor, which takes: %(kinds)s. Look them up there and add one, "
                "or record that they were searched and not found."
            )
            return text % {"kinds": kinds}
    return planning.reason_text(planning.NO_IDENTIFIER)


def _step(sub_task: SubTask) -> Step | None:
    with suppress(BadSettings):
        return sub_task.vendor.speaks().step(sub_task.step)
    return None


def gathers_until(sub_task: SubTask) -> datetime | None:
    """Until when, at the latest, a sub-task that is due waits for others to share its batch; None if it does not."""
    seconds, step, now = sub_task.vendor.gather_seconds, _step(sub_task), clock.now()
    if not (seconds and step and step.batch) or sub_task.batch_limit is not None or sub_task.next_at is None:
        return None
    end = sub_task.next_at + timedelta(seconds=seconds)
    return end if sub_task.status in CLAIMABLE and sub_task.next_at <= now < end else None


def _rests_until(sub_task: SubTask) -> datetime | None:
    """Until when its account is left alone, if that is what a sub-task waits for."""
    until = sub_task.vendor.left_alone_until(clock.now())
    return until if until and sub_task.next_at and sub_task.next_at < until else None


def _shown(at: datetime) -> str:
    return formats.moment(at)


def until(sub_task: SubTask) -> str:
    """What happens at `next_at`, in words; empty when nothing does, or when `waits_for` says what comes before it."""
    if sub_task.next_at is None:
        return ""
    at = _shown(sub_task.next_at)
    if sub_task.status == SubTaskStatus.AWAITING_ATTESTATION:
        return _("to be confirmed by %(at)s") % {"at": at}
    if sub_task.status not in CLAIMABLE:
        return ""
    if sub_task.acts_unasked:
        return _("a confirmation is asked for from %(at)s on") % {"at": at}
    stopped = sub_task.case.held_at or sub_task.vendor.pause or not sub_task.vendor.enabled
    if stopped or _rests_until(sub_task) or gathers_until(sub_task):
        return ""
    if sub_task.next_at <= clock.now():
        return _("due now, in the vendor's queue")
    return _("next asked %(at)s") % {"at": at}


def taken_over_by(sub_task: SubTask) -> int | None:
    """The number of the open plan version that looks this person up at the vendor, where this work waits for an
    identifier."""
    if sub_task.status != SubTaskStatus.AWAITING_IDENTIFIER:
        return None
    for other in _work(sub_task.case):
        served = other.vendor_id == sub_task.vendor_id and other.reason != planning.NO_IDENTIFIER
        if served and other.revision.status == RevisionStatus.OPEN:
            return other.revision.number
    return None


def _is_suggested(sub_task: SubTask) -> bool:
    """Whether an undecided suggestion of the case is of a kind that this vendor takes."""
    with suppress(BadSettings):
        known = sub_task.vendor.speaks().accepts
        return any(
            item.state == IdentifierState.PROPOSED and item.kind in known for item in sub_task.case.identifiers.all()
        )
    return False


def _instructions(sub_task: SubTask) -> str:
    try:
        return sub_task.vendor.speaks().instructions(Operation(sub_task.operation))
    except BadSettings:
        return ""
