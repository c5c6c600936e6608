"""Identifiers that vendors find: taken in as suggestions, and decided about by people."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import record
from compliance.vault.seal import fingerprint
from erasure import actions, planning
from erasure.connectors.base import Found
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Identifier, SubTask
from erasure.normalise import check_kind, normalise
from erasure.states import CaseStatus, IdentifierState, Origin

from .shared import case_event, changing, close_if_ended, expect, keep_note, work_event, wrong_state

MAX_IDENTIFIERS = 2000  # of one case; more than that names no one person, and nobody would decide about them


def take_in(sub_task: SubTask, found: Sequence[Found]) -> None:
    """Takes in what a vendor found of the same person. Call it under the case's lock, in the transaction that settles
    the vendor's answer.

    What the case has already, in whatever state, is left as it is. The rest is proposed if another vendor of the case
    takes its kind, else (or once the case is cancelled, or where the vendor was only asked again) noted. What cannot be
    kept is counted: in an event, and in the sub-task's counters `found_unusable` and `found_beyond`."""
    case, finder = sub_task.case, sub_task.vendor
    known = set(case.identifiers.values_list("fingerprint", flat=True))
    wanted = set() if case.cancelled_at or sub_task.follows_id else planning.kinds_taken(case, besides=finder)
    left_out = {"unusable": 0, "beyond": 0}
    for item in found:
        try:
            check_kind(item.kind)
            normal = normalise(item.kind, item.value, country=case.country)
        except ValueError:
            left_out["unusable"] += 1
            continue
        mark = fingerprint(item.kind, normal.match)
        if mark in known:
            continue
        if len(known) >= MAX_IDENTIFIERS:
            left_out["beyond"] += 1
            continue
        known.add(mark)
        state = IdentifierState.PROPOSED if item.kind in wanted else IdentifierState.NOTED
        _insert(sub_task, item.kind, normal.value, mark, state)
    if any(left_out.values()):
        counted = {f"found_{why}": number for why, number in left_out.items() if number}
        totals = {name: sub_task.counters.get(name, 0) + number for name, number in counted.items()}
        sub_task.counters = {**sub_task.counters, **totals}
        sub_task.save(update_fields=["counters"])
        work_event(sub_task, actions.IDENTIFIERS_LEFT_OUT, **left_out)


def _insert(sub_task: SubTask, kind: str, value: str, mark: str, state: IdentifierState) -> None:
    case, finder = sub_task.case, sub_task.vendor
    identifier = Identifier(
        id=uuid.uuid4(),
        case=case,
        kind=kind,
        fingerprint=mark,
        origin=Origin.DISCOVERED,
        state=state,
        found_by=finder,
        created_at=clock.now(),
    )
    identifier.seal("value", value)
    identifier.save(force_insert=True)
    record(
        actions.IDENTIFIER_FOUND,
        actor="system:worker",
        case=case.reference,
        subject=f"identifier:{identifier.pk}",
        vendor=finder.slug,
        kind=kind,
        state=state,
    )


def decide(
    case: Case, *, by: Any, accept: Sequence[uuid.UUID | str], dismiss: Sequence[uuid.UUID | str], note: str = ""
) -> None:
    """Decides about suggestions, by their ids. What is accepted goes into a plan version of which `by` is an author,
    and which needs the approval of another person; dismissing takes a note with the reason. What is named in neither
    stays undecided.

    Raises Conflict when nothing is suggested or the case is not under way, Invalid with a pointer to each wrong id."""
    with changing(case, by) as case:
        proposed = {str(item.pk): item for item in case.identifiers.filter(state=IdentifierState.PROPOSED)}
        if not proposed and _known(case, [*accept, *dismiss]):
            text = _("These suggestions were decided about meanwhile. Nothing was done. Read the case again.")
            raise Conflict("no_proposals", text)
        if not proposed:
            raise Conflict("no_proposals", _("No identifier of this case is suggested. Nothing was done."))
        expect(case, CaseStatus.IN_PROGRESS)
        if case.cancelled_at:
            raise wrong_state(case)
        _check(case, proposed, accept, dismiss, note)
        noted = keep_note(case, by, note, about="proposals")
        dismissed = [proposed[str(number)] for number in dismiss]
        restate(case, dismissed, IdentifierState.DISMISSED, actions.IDENTIFIER_DISMISSED, by, **noted)
        accepted = [proposed[str(number)] for number in accept]
        take_up(case, accepted, by, **noted)
        if set(accepted) & set(planning.unused(case)):
            text = _(
                "No enabled vendor of the case takes what was accepted any more. Nothing was done. Dismiss it instead."
            )
            raise Conflict("no_vendors", text)


def _known(case: Case, numbers: Sequence[Any]) -> set[str]:
    """Which of these are identifiers of the case, in whatever state."""
    return {str(pk) for pk in case.identifiers.values_list("pk", flat=True)} & {str(number) for number in numbers}


def _check(
    case: Case, proposed: dict[str, Identifier], accept: Sequence[Any], dismiss: Sequence[Any], note: str
) -> None:
    known = _known(case, [*accept, *dismiss])
    problems: list[tuple[str, str]] = []
    if not accept and not dismiss:
        problems.append(("/accept", _("Name at least one suggestion, to accept or to dismiss.")))
    named: set[str] = set()
    for field, numbers in (("accept", accept), ("dismiss", dismiss)):
        for place, number in enumerate(map(str, numbers)):
            if number not in proposed and number in known:
                text = _("This suggestion was decided about meanwhile. Nothing was done. Read the case again.")
                problems.append((f"/{field}/{place}", text))
            elif number not in proposed:
                problems.append((f"/{field}/{place}", _("This is no undecided suggestion of the case.")))
            elif number in named:
                problems.append((f"/{field}/{place}", _("This suggestion is named twice. Decide about it once.")))
            named.add(number)
    if dismiss and not note.strip():
        problems.append(("/note", _("Say in a note why: it is the reason for leaving data where it is.")))
    if problems:
        raise Invalid(problems)


def take_up(case: Case, identifiers: Sequence[Identifier], by: Any, **noted: str) -> None:
    """Accepts identifiers that the case knows, and draws the plan again. Call it under the case's lock. Ends the case
    if no vendor has anything left to do."""
    if identifiers:
        restate(case, identifiers, IdentifierState.ACCEPTED, actions.IDENTIFIER_ACCEPTED, by, added_by=by, **noted)
        planning.redraw(case, by=by)
    close_if_ended(case)


def note_undecided(case: Case, by: Any) -> None:
    """Nobody decides about the suggestions of a cancelled case any more. Call it under the case's lock."""
    undecided = case.identifiers.filter(state=IdentifierState.PROPOSED)
    restate(case, undecided, IdentifierState.NOTED, actions.IDENTIFIER_NOTED, by)


def restate(
    case: Case,
    identifiers: Iterable[Identifier],
    state: IdentifierState,
    action: str,
    by: Any,
    *,
    added_by: Any = None,
    **details: str,
) -> None:
    """Puts identifiers into another state, with one event each. `added_by`: who answers for them from now on."""
    changed = {"state": state} | ({"added_by": added_by} if added_by else {})
    for item in identifiers:
        for name, value in changed.items():
            setattr(item, name, value)
        item.save(update_fields=list(changed))
        case_event(case, action, by, f"identifier:{item.pk}", kind=item.kind, **details)
