"""Every state with every action: what the tables allow is done, all else is refused and changes nothing."""

from datetime import UTC, datetime

import pytest

from compliance.audit.models import Event
from erasure import intake, lifecycle
from erasure.errors import Conflict
from erasure.models import Case, SubTask
from erasure.states import CASE_MOVES, CLAIMABLE, ENDED, OPEN, SUBTASK_MOVES, CaseStatus, SubTaskStatus
from tests.erasure.retention.made import shredded
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def archive():
    return vendor("Paper archive", "manual")


# --- the tables themselves


def test_an_open_case_can_move_and_a_closed_one_cannot():
    assert set(CASE_MOVES) == OPEN
    assert all(moves for moves in CASE_MOVES.values())


def test_work_that_has_not_ended_can_move_and_ended_work_cannot():
    assert set(SUBTASK_MOVES) == set(SubTaskStatus) - ENDED
    assert {status for moves in SUBTASK_MOVES.values() for status in moves} == set(SubTaskStatus) - {"planned"}


def test_running_is_entered_from_claimable_states_alone():
    assert {status for status, moves in SUBTASK_MOVES.items() if SubTaskStatus.RUNNING in moves} == CLAIMABLE


def test_work_can_be_stopped_from_every_state_that_has_not_ended():
    assert all(SubTaskStatus.STOPPED in moves for moves in SUBTASK_MOVES.values())


# --- cases


def followed():
    """Cancelled, but its vendor had been asked to erase already."""
    case = approved_case()
    case.sub_tasks.update(sent_at=NOW, committed_at=NOW)
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    assert case.status == CaseStatus.IN_PROGRESS
    return case


def ended(how, **given):
    case = approved_case()
    how(work(case, "Paper archive"), by=case.opened_by, note="Seen.", **given)
    case.refresh_from_db()
    return case


def closed(how, **given):
    case = opened_case()
    how(case, by=case.opened_by, **given)
    return case


STATES = {
    "draft": opened_case,
    "awaiting_approval": lambda: opened_case(submit=True),
    "in_progress": approved_case,
    "followed": followed,
    "completed": lambda: ended(lifecycle.attest),
    "partly_completed": lambda: ended(lifecycle.give_up),
    "rejected": lambda: closed(lifecycle.reject, ground="unfounded"),
    "cancelled": lambda: closed(lifecycle.cancel, reason="mistaken"),
    "destroyed": lambda: shredded(closed(lifecycle.cancel, reason="mistaken")),
}


def add_identifier(case, by):
    intake.add_identifier(case, by=by, kind="email", value="bea@example.org")


ACTIONS = {
    "submit": lambda case, by: lifecycle.submit(case, by=by),
    "approve": lambda case, by: lifecycle.approve(case, by=by, digest=case.revisions.last().digest),
    "reject": lambda case, by: lifecycle.reject(case, by=by, ground="unfounded"),
    "cancel": lambda case, by: lifecycle.cancel(case, by=by, reason="withdrawn"),
    "hold": lambda case, by: lifecycle.hold(case, by=by),
    "release": lambda case, by: lifecycle.release(case, by=by),
    "add_identifier": add_identifier,
}

#: Action → each state it is possible in → the state after it.
LEGAL = {
    "submit": {"draft": "awaiting_approval"},
    "approve": {"awaiting_approval": "in_progress"},
    "reject": {"draft": "rejected", "awaiting_approval": "rejected"},
    "cancel": {"draft": "cancelled", "awaiting_approval": "cancelled", "in_progress": "cancelled"},
    "hold": {
        "draft": "draft",
        "awaiting_approval": "awaiting_approval",
        "in_progress": "in_progress",
        "followed": "in_progress",
        **{status: status for status in ("completed", "partly_completed", "rejected", "cancelled")},
    },
    "release": {},
    "add_identifier": {"draft": "draft", "awaiting_approval": "awaiting_approval", "in_progress": "in_progress"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_case_takes_an_action_only_in_its_states(action, state):
    case = STATES[state]()
    after, bea = LEGAL[action].get(state), person("bea")
    stored = Case.objects.filter(pk=case.pk)
    before, events = stored.values().get(), Event.objects.count()

    if after:
        ACTIONS[action](case, bea)
        assert stored.get().status == case.status == after
        assert Event.objects.count() > events
    else:
        with pytest.raises(Conflict) as refused:
            ACTIONS[action](case, bea)
        assert refused.value.text.endswith(".")
        assert stored.values().get() == before
        assert Event.objects.count() == events


def test_the_states_walked_are_all_there_are():
    assert {STATES[state]().status for state in STATES} == set(CaseStatus)
    assert set(LEGAL) == set(ACTIONS)


# --- one vendor's part

FIELDS = {"next_at": NOW, "lease_until": NOW, "attention_code": "refused"}


def in_status(status):
    case = approved_case()
    SubTask.objects.filter(case=case).update(status=status, **FIELDS)
    return work(case, "Paper archive")


WORK_ACTIONS = {
    "attest": (lambda item, by: lifecycle.attest(item, by=by, note="Seen."), "done"),
    "searched": (lambda item, by: lifecycle.searched(item, by=by, note="Looked."), "done"),
    "retry": (lambda item, by: lifecycle.retry(item, by=by), "ready"),
    "give_up": (lambda item, by: lifecycle.give_up(item, by=by, note="Gone."), "stopped"),
}
WORK_LEGAL = {
    "attest": {"awaiting_attestation", "needs_attention"},
    "searched": {"awaiting_identifier"},
    "retry": {"needs_attention"},
    "give_up": {"awaiting_attestation", "needs_attention"},
}


@pytest.mark.parametrize("status", SubTaskStatus.values)
@pytest.mark.parametrize("action", WORK_ACTIONS)
def test_vendor_work_takes_an_action_only_in_its_states(action, status):
    item, bea = in_status(status), person("bea")
    act, after = WORK_ACTIONS[action]
    stored = SubTask.objects.filter(pk=item.pk)
    before, events = stored.values().get(), Event.objects.count()

    if status in WORK_LEGAL[action]:
        act(item, bea)
        assert stored.get().status == item.status == after
        assert Event.objects.count() > events
    else:
        with pytest.raises(Conflict):
            act(item, bea)
        assert stored.values().get() == before
        assert Event.objects.count() == events


@pytest.mark.parametrize("to", SubTaskStatus.values)
@pytest.mark.parametrize("status", SubTaskStatus.values)
def test_vendor_work_moves_as_the_table_says(status, to):
    item = in_status(status)

    if to in SUBTASK_MOVES.get(SubTaskStatus(status), ()):
        lifecycle.move(item, SubTaskStatus(to))
        assert SubTask.objects.get(pk=item.pk).status == to
    else:
        with pytest.raises(Conflict):
            lifecycle.move(item, SubTaskStatus(to))
        assert SubTask.objects.get(pk=item.pk).status == status


@pytest.mark.parametrize("meanwhile", [{"status": "done"}, {"epoch": 7}])
def test_work_that_has_changed_since_it_was_read_does_not_move(meanwhile):
    item = in_status("needs_attention")
    SubTask.objects.filter(pk=item.pk).update(**meanwhile)

    with pytest.raises(Conflict) as refused:
        lifecycle.move(item, SubTaskStatus.READY)

    assert refused.value.code == "changed"
    assert SubTask.objects.get(pk=item.pk).status == meanwhile.get("status", "needs_attention")
