"""Changes of one vendor's part that people make."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, JSONField, OuterRef, Q, Value
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, dispatch, evidence
from erasure.connectors import REGISTRY
from erasure.errors import Conflict, Invalid
from erasure.models import Call, Case, SubTask, SubTaskIdentifier, Vendor
from erasure.states import CLAIMABLE, ENDED, Assurance, Held, Operation, Outcome, SubTaskStatus, Verdict

from .again import after_end
from .shared import changing_work, close_if_ended, end, move, required_note, told, work_event, wrong_state

# --- confirming by hand -----------------------------------------------------------------------------------------------

_FOR_A_PERSON = (SubTaskStatus.AWAITING_ATTESTATION, SubTaskStatus.NEEDS_ATTENTION)
_UNDONE = (Outcome.PENDING, Outcome.FAILED, Outcome.REFUSED)
_CONFIRMED = {
    Operation.ERASE: Outcome.ERASED,
    Operation.RESTRICT: Outcome.RESTRICTED,
    Operation.UNRESTRICT: Outcome.UNRESTRICTED,
    Operation.EXPORT: Outcome.EXPORTED,
}


def may_attest(sub_task: SubTask) -> bool:
    """Whether a person may confirm it now: it waits for one, or its vendor acts unasked. Not what is only asked again:
    the answer has to come from the vendor."""
    return not sub_task.follows_id and (sub_task.status in _FOR_A_PERSON or sub_task.acts_unasked)


def acting_unasked() -> Q:
    """The sub-tasks whose vendor is at work by itself (`SubTask.acts_unasked`), for a query."""
    acting = Q(pk__in=[])
    for connector in REGISTRY.values():
        unasked = {name for name, step in connector.steps.items() if step.by_hand}
        unasked |= {old for old, name in connector.renamed.items() if name in unasked}
        if unasked:
            acting |= Q(vendor__connector=connector.key, step__in=sorted(unasked))
    return Q(status__in=CLAIMABLE) & acting


def attestable() -> Q:
    """The sub-tasks that `may_attest` allows, for a query."""
    return Q(follows=None) & (Q(status__in=_FOR_A_PERSON) | acting_unasked())


def attest(
    sub_task: SubTask, *, by: Any, note: str, file: evidence.File | None = None, held: str = Held.UNKNOWN
) -> None:
    """A person confirms that the vendor's part is done: what its screen says, or what they did themselves. `held`: what
    they say of data of the person there, for identifiers of which the vendor has not said it; "no" makes these not
    held.

    Raises Conflict when it does not wait for a person or its case is on hold, Invalid for a `held` that is no such word
    or a "no" where the vendor itself said that it held data."""
    with changing_work(sub_task, by) as (case, sub_task):
        if case.held_at:
            raise wrong_state(case)
        if not may_attest(sub_task):
            raise _not_awaiting()
        _check_held(held, tuple(Held))
        if held == Held.NO and sub_task.identifiers.filter(outcome__in=_UNDONE, held=Held.YES).exists():
            text = _(
                "The vendor itself said that it held data of this person. Choose another answer; nothing was done."
            )
            raise Invalid([("/held", text)])
        proof = _proof(case, sub_task, by, note, file)
        _confirm(sub_task, held, outcome__in=_UNDONE)
        end(sub_task, SubTaskStatus.DONE, event=actions.WORK_ATTESTED, by=by, **told(sub_task), **proof)
        after_end(sub_task)
        close_if_ended(case)


def _check_held(held: str, allowed: tuple[Held, ...]) -> None:
    if held not in allowed:
        raise Invalid([("/held", _("Choose one of %(all)s.") % {"all": ", ".join(allowed)})])


def sharing(vendor: Vendor, reference: str, *, on_hold: bool = False) -> list[SubTask]:
    """The vendor's sub-tasks, of all cases, that a confirmation of this reference is about: those with identifiers that
    were taken under it and are still pending, and those that carry it as a whole and may be confirmed. Cases on hold
    are left alone; `on_hold` gives the sub-tasks of these instead."""
    going = SubTask.objects.filter(vendor=vendor, follows=None, case__held_at__isnull=not on_hold)
    going = going.exclude(status__in=ENDED).select_related("vendor")
    uses = SubTaskIdentifier.objects.filter(sub_task=OuterRef("pk"))
    if not reference:
        return []
    found = list(going.filter(Exists(uses.filter(reference=reference, outcome=Outcome.PENDING))))
    whole = going.filter(attestable()).exclude(references={}).exclude(Exists(uses.exclude(reference="")))
    found += [sub_task for sub_task in whole if reference in sub_task.references.values()]
    return sorted(found, key=lambda sub_task: (sub_task.case_id, sub_task.pk))


def cases_sharing(asked: Collection[tuple[Any, str]]) -> dict[tuple[Any, str], set[Any]]:
    """For pairs of a vendor's number and one of its references: the cases that `sharing` finds sub-tasks of."""
    found: dict[tuple[Any, str], set[Any]] = {pair: set() for pair in asked}
    if not asked:
        return found
    vendors, references = {vendor for vendor, _name in asked}, {name for _vendor, name in asked}
    pending = SubTaskIdentifier.objects.filter(
        reference__in=references,
        outcome=Outcome.PENDING,
        sub_task__vendor__in=vendors,
        sub_task__follows=None,
        sub_task__case__held_at=None,
    ).exclude(sub_task__status__in=ENDED)
    under_one = SubTaskIdentifier.objects.filter(sub_task=OuterRef("pk")).exclude(reference="")
    whole = SubTask.objects.filter(attestable(), vendor__in=vendors, case__held_at=None).exclude(status__in=ENDED)
    whole = whole.exclude(references={}).exclude(Exists(under_one))
    one_number = pending.values_list("sub_task__vendor", "sub_task__case", "reference", Value({}, JSONField()))
    several = whole.values_list("vendor", "case", Value("", CharField()), "references")
    both = one_number.order_by().union(several.order_by()).order_by()
    for vendor, case, number, numbers in both:
        for name in (number, *numbers.values()):
            found.setdefault((vendor, name), set()).add(case)
    return found


def attest_reference(
    vendor: Vendor,
    reference: str,
    *,
    by: Any,
    note: str,
    file: evidence.File | None = None,
    held: str = Held.UNKNOWN,
) -> list[SubTask]:
    """A person confirms what the vendor did under one of its references, for every case that shares it and is not on
    hold; returns the sub-tasks. Identifiers that were not taken under it stay as they are, and their sub-task goes on.
    `held` (yes or unknown): for identifiers of which the vendor has not said whether it held data.

    Raises Conflict, with nothing done, when none waits for it, all are on hold, or one is being sent at this moment."""
    _check_held(held, (Held.YES, Held.UNKNOWN))
    with transaction.atomic():
        wanted = {sub_task.case_id for sub_task in sharing(vendor, reference)}
        cases = {case.pk: case for case in Case.locked().filter(pk__in=wanted).order_by("pk")}
        works = [sub_task for sub_task in sharing(vendor, reference) if sub_task.case_id in cases]
        if not works and sharing(vendor, reference, on_hold=True):
            text = _("Every case with this reference is on hold. Nothing was done. Release a case to confirm it.")
            raise Conflict("wrong_state", text)
        if not works:
            raise _not_awaiting()
        if any(sub_task.status == SubTaskStatus.RUNNING for sub_task in works):
            text = _(
                "The vendor is being called at this moment for work with this reference. Nothing was done. Try again."
            )
            raise Conflict("changed", text)
        plain = reference if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*", reference) else ""
        proofs: dict[Any, dict[str, str]] = {}
        for sub_task in works:
            case = sub_task.case = cases[sub_task.case_id]
            if case.pk not in proofs:
                proofs[case.pk] = _proof(case, sub_task, by, note, file)
            _attest_under(sub_task, reference, by, held, reference=plain, **proofs[case.pk])
        for pk in proofs:
            cases[pk].updated_at = clock.now()
            close_if_ended(cases[pk])
            cases[pk].save()
    return works


def _attest_under(sub_task: SubTask, taken_under: str, by: Any, held: str, **said: str) -> None:
    """Confirms what of a sub-task was taken under a vendor's reference, and ends it if nothing else is open."""
    whole = not sub_task.identifiers.exclude(reference="").exists()
    mine = {"outcome__in": _UNDONE} if whole else {"outcome": Outcome.PENDING, "reference": taken_under}
    _confirm(sub_task, held, **mine)
    # What failed or was refused needs a decision of its own, as long as one can be made.
    undecided = _UNDONE if sub_task.status == SubTaskStatus.NEEDS_ATTENTION else (Outcome.PENDING,)
    if sub_task.identifiers.filter(outcome__in=undecided).exists():
        sub_task.save(update_fields=["assurance"])
        work_event(sub_task, actions.WORK_PARTLY_ATTESTED, by, **told(sub_task), **said)
    else:
        end(sub_task, SubTaskStatus.DONE, event=actions.WORK_ATTESTED, by=by, **told(sub_task), **said)
        after_end(sub_task)


def _confirm(sub_task: SubTask, held: str, **which: Any) -> None:
    """A person's word is proof: for these identifiers, and for the whole as far as it goes. Whether data was held is
    as the vendor said it, where it did."""
    done = Outcome.NOT_HELD if held == Held.NO else _CONFIRMED[Operation(sub_task.operation)]
    mine = sub_task.identifiers.filter(**which)
    mine.filter(held=Held.UNKNOWN).update(held=held)
    mine.update(outcome=done, assurance=Assurance.CONFIRMED)
    sub_task.assurance = Assurance.CONFIRMED
    sub_task.assurance = sub_task.weakest()


def _proof(case: Case, sub_task: SubTask, by: Any, note: str, file: evidence.File | None) -> dict[str, str]:
    """Keeps the note and the file of a confirmation; returns what its events say of them."""
    if file:
        evidence.check(len(file.content))
    said = required_note(case, by, note, sub_task)
    if file:
        kept = evidence.add(case, sub_task=sub_task, by=by, name=file.name, content=file.content)
        said |= {"evidence": f"evidence:{kept.pk}"}
    return said


def _not_awaiting() -> Conflict:
    return Conflict("not_awaiting_attestation", _("This vendor work does not wait for a confirmation by hand."))


# --- other decisions of a person --------------------------------------------------------------------------------------


def searched(sub_task: SubTask, *, by: Any, note: str) -> None:
    """Records that the person was looked up at a vendor by hand and not found."""
    with changing_work(sub_task, by) as (case, sub_task):
        if sub_task.status != SubTaskStatus.AWAITING_IDENTIFIER:
            raise Conflict(
                "not_awaiting_identifier", _("This vendor work does not wait for an identifier. Nothing was changed.")
            )
        noted = required_note(case, by, note, sub_task)
        sub_task.assurance = Assurance.CONFIRMED
        end(sub_task, SubTaskStatus.DONE, reason="searched_none", event=actions.WORK_SEARCHED, by=by, **noted)
        close_if_ended(case)


def retry(sub_task: SubTask, *, by: Any) -> None:
    """Tries again what needs attention, from the step that its connector names for it. What is approved is checked
    again before anything is sent. What a vendor has taken stays taken: only what failed or was refused begins anew."""
    with changing_work(sub_task, by) as (_case, sub_task):
        if sub_task.status != SubTaskStatus.NEEDS_ATTENTION:
            raise Conflict("not_retryable", _("This vendor work does not wait to be tried again. Nothing was changed."))
        now = clock.now()
        step = sub_task.resume_step or sub_task.step
        cleared = {"attention_code": "", "attention_text": "", "resume_step": ""}
        counters = {"attempts": 0, "polls": 0, "unknowns": 0, "step_since": now}
        sub_task.identifiers.filter(outcome__in=(Outcome.FAILED, Outcome.REFUSED)).update(
            outcome=Outcome.PENDING, assurance=Assurance.NONE, reference=""
        )
        proven = sub_task.weakest()
        move(sub_task, SubTaskStatus.READY, step=step, next_at=now, assurance=proven, **counters, **cleared)
        work_event(sub_task, actions.WORK_RETRIED, by, step=step)
        for call in _repeated_from(sub_task, step):
            work_event(sub_task, actions.WORK_MAY_REPEAT, by, step=call.step, call=f"call:{call.pk}")
        dispatch.wake([sub_task.vendor_id])


def _repeated_from(sub_task: SubTask, step: str) -> Iterable[Call]:
    """The answered calls that are made once more when this step comes again: the last of it, and those that followed.
    One of which no answer came is named when it is sent again."""
    answered = sub_task.calls.filter(writes=True, verdict=Verdict.OK, size=1).order_by("started_at")
    last = answered.filter(step=step).last()
    return answered.filter(started_at__gte=last.started_at) if last else ()


def give_up(sub_task: SubTask, *, by: Any, note: str) -> None:
    """Ends what cannot be carried out; the case can then only end partly completed. Of work that only asks again: a
    person has dealt with what it found, or lets it rest, and the case stays as it is."""
    with changing_work(sub_task, by) as (case, sub_task):
        if sub_task.status not in _FOR_A_PERSON:
            raise Conflict(
                "not_stoppable", _("Only vendor work that waits for a person can be given up. Nothing was changed.")
            )
        noted = required_note(case, by, note, sub_task)
        sub_task.identifiers.filter(outcome=Outcome.PENDING).update(outcome=Outcome.FAILED, assurance=Assurance.NONE)
        sub_task.assurance = sub_task.weakest()
        said = told(sub_task) | noted
        reason = "accepted" if sub_task.attention_code == "there_again" else "given_up"
        end(sub_task, SubTaskStatus.STOPPED, reason=reason, event=actions.WORK_STOPPED, by=by, **said)
        close_if_ended(case)
