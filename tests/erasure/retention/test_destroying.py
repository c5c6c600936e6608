"""What is destroyed and what stays; when it is refused; by schedule, and again after a restore."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction

from compliance import clock
from compliance.audit.models import Event
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable, destroy
from erasure import evidence, letters, lifecycle, retention
from erasure.errors import Conflict
from erasure.models import Call, Case, Evidence, Identifier, Letter, Shredding, SubTask
from erasure.retention import sweeping
from erasure.states import SubTaskStatus
from erasure.worker import sweep
from tests.factories import approved_case, opened_case, person, suppressed, vendor, work

from .made import DAY, anew, asked_for, cancelled_case, ended_case, shredded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    return settings.EVIDENCE_DIR


def told(action: str) -> list[Event]:
    return list(Event.objects.filter(action=action).order_by("pk"))


def due(case: Case) -> Case:
    """Its date has come, by its rule too."""
    Case.objects.filter(pk=case.pk).update(shred_at=clock.today())
    return case


def passed(case: Case, turn_clock) -> Case:
    """Its time is over."""
    retention.give_dates()
    day = anew(case).shred_at
    turn_clock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    return anew(case)


# --- what goes, and what stays


def test_nobody_can_open_what_was_sealed_and_the_record_stays() -> None:
    case = ended_case(requester={"name": "Ada Lovelace"}, external_id="crm-1")
    before = {name: getattr(case, name) for name in ("reference", "status", "due_on", "replied_at", "closed_at")}
    outcomes = list(work(case).identifiers.values_list("outcome", "held", "assurance"))
    case = shredded(case)
    for sealed in (lambda: case.unseal("requester"), lambda: case.unseal("external_id")):
        with pytest.raises(Unreadable, match="destroyed"):
            sealed()
    for item in case.identifiers.all():
        with pytest.raises(Unreadable, match="destroyed"):
            item.value()
        assert item.fingerprint == ""
    assert {name: getattr(case, name) for name in before} == before
    assert list(work(case).identifiers.values_list("outcome", "held", "assurance")) == outcomes
    (event,) = told("case.shredded")
    assert (event.actor, event.details["reason"], event.details["identifiers"]) == ("system:retention", "time_over", 2)


def test_it_is_done_once() -> None:
    case = ended_case()
    assert retention.shred(case, actor="system:retention", why="time_over")
    at = anew(case).shredded_at
    assert not retention.shred(case, actor="system:retention", why="time_over")
    assert (anew(case).shredded_at, len(told("case.shredded"))) == (at, 1)


def test_the_suppression_list_keeps_to_its_own_time() -> None:
    case = ended_case()
    entry = suppressed("email", "ada@example.org", case=case)
    shredded(case)
    entry.refresh_from_db()
    assert entry.fingerprint


def test_files_go_with_the_commit_and_what_a_crash_left_with_the_strays(
    folder, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    vendor("Paper archive", "manual")
    case = approved_case()
    file = evidence.File("shelf.png", b"a picture")
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Done.", file=file)
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    kept = case.evidence.get()
    path = evidence.path_of(kept)
    monkeypatch.setattr(evidence, "_unlink", lambda path: None)  # the process is killed before it comes to it
    with django_capture_on_commit_callbacks(execute=True):
        shredded(case)
    assert path.exists()
    monkeypatch.undo()
    with pytest.raises(Unreadable, match="destroyed"):
        kept.refresh_from_db()
        kept.removed_at = None
        evidence.open_evidence(kept)
    assert evidence.remove_strays(clock.now() + evidence.STRAY_AFTER + timedelta(minutes=1)) == 1
    assert not path.exists() and not path.parent.exists()


def test_a_file_has_a_key_of_its_own_which_goes_with_it_and_leaves_the_case_readable(turn_clock) -> None:
    case = opened_case()
    for number in (1, 2):
        file = evidence.File("passport.png", b"a picture %d" % number)
        lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", file=file)
    first, second = case.evidence.all()
    assert first.data_key_id != second.data_key_id and first.data_key_id != case.data_key_id
    assert first.keep_until - first.created_at == timedelta(days=30), "what was seen is kept for a short time"
    now = turn_clock(31 * DAY)
    assert evidence.expire_due(now) == 2
    key = DataKey.objects.get(pk=first.data_key_id)
    assert key.destroyed_at and not key.wrapped
    assert anew(case).identifiers.first().value()


def test_a_file_from_before_there_were_own_keys_opens_with_the_key_of_its_case() -> None:
    case = opened_case()
    file = evidence.File("passport.png", b"a picture")
    lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", file=file)
    item = case.evidence.get()
    from compliance.vault.chunks import SealedWriter

    path = evidence.path_of(item)
    path.unlink()
    with SealedWriter(path, case.data_key, **evidence._place(item.pk)) as sealed:
        sealed.write(b"as it was")
        sealed.finish()
    Evidence.objects.filter(pk=item.pk).update(data_key=None)
    with evidence.open_evidence(Evidence.objects.get(pk=item.pk)) as stream:
        assert stream.read() == b"as it was"
    evidence.expire(Evidence.objects.get(pk=item.pk))
    assert anew(case).identifiers.first().value(), "the key of the case stays"


# --- what is in the way


def held() -> Case:
    case = ended_case()
    lifecycle.hold(case, by=person("ada"))
    return anew(case)


def restricted() -> Case:
    case = ended_case(kind="restriction")
    Case.objects.filter(pk=case.pk).update(restricted_at=clock.now())
    return anew(case)


def lifting_in_part() -> Case:
    restricted()
    return ended_case(kind="lift_restriction")


def with_letter() -> Case:
    case = ended_case(requester={"name": "Ada Lovelace", "reply_to": "ada@example.org"})
    letters.send(case, "completion", by=person("olive"), channel="email")
    Letter.objects.update(mail="failed", next_at=None)
    return anew(case)


def called() -> Case:
    case = ended_case()
    sub_task = work(case)
    call = Call.objects.create(
        vendor=sub_task.vendor, step="x", writes=True, started_at=clock.now(), lease_until=clock.now()
    )
    call.claims.create(sub_task=sub_task, epoch=9)
    return case


def to_be_listed() -> Case:
    case = ended_case()
    case.revisions.update(keep_since=clock.now())
    return case


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (opened_case, "has not ended"),
        (approved_case, "has not ended"),
        (lambda: ended_case(answered=False), "has not been answered"),
        (held, "on hold"),
        (restricted, "in force"),
        (lifting_in_part, "still in force"),
        (with_letter, "letter"),
        (called, "being called"),
        (to_be_listed, "suppression list"),
    ],
)
def test_while_something_is_open_nothing_is_destroyed_and_it_is_said_why(settings, make, says: str) -> None:
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"
    case = make()
    with pytest.raises(Conflict, match=says):
        retention.shred(case, actor="system:retention", why="time_over")
    assert anew(case).identifiers.first().value()
    assert told("case.shredded") == []


def follow_up(case: Case, status: str = SubTaskStatus.WAITING) -> SubTask:
    done = work(case)
    return SubTask.objects.create(
        case=case,
        revision=done.revision,
        vendor=done.vendor,
        follows=done,
        operation="erase",
        status=status,
        attention_code="there_again" if status == SubTaskStatus.NEEDS_ATTENTION else "",
        next_at=clock.now() + 900 * DAY,
        created_at=clock.now(),
    )


def test_a_vendor_that_will_be_asked_once_more_keeps_the_schedule_off_and_is_stopped_by_hand(turn_clock) -> None:
    case = passed(ended_case(), turn_clock)
    waits = follow_up(case)
    assert retention.sweep() == 0
    assert anew(case).shred_at == clock.today() + DAY, "it is looked at again tomorrow"
    retention.approve(asked_for(case), by=person("ada"))
    waits.refresh_from_db()
    assert (waits.status, waits.reason) == ("stopped", "shredded")
    assert anew(case).shredded_at


def test_what_a_vendor_found_again_has_to_be_settled_first() -> None:
    case = ended_case()
    follow_up(case, SubTaskStatus.NEEDS_ATTENTION)
    with pytest.raises(Conflict, match="not over"):
        asked_for(case)


def test_nothing_of_a_destroyed_case_can_be_changed() -> None:
    case = shredded(ended_case())
    for change in (
        lambda: lifecycle.add_note(case, by=person("olive"), text="Ada rang."),
        lambda: lifecycle.hold(case, by=person("ada")),
        lambda: lifecycle.assign(case, by=person("olive"), handler=None),
        lambda: lifecycle.add_recipient(case, by=person("olive"), name="A doctor"),
        lambda: retention.ask(case, by=person("olive"), reason="other"),
    ):
        with pytest.raises(Conflict, match="destroyed"):
            change()
    assert case.notes.count() == 1


# --- by schedule


def test_the_sweep_destroys_what_is_due_and_the_trail_says_by_which_rule(turn_clock) -> None:
    first, second = cancelled_case(), cancelled_case("mistaken")
    case = passed(second, turn_clock)
    sweep.tick()
    assert anew(case).shredded_at and not anew(first).shredded_at
    (event,) = told("case.shredded")
    assert (event.details["rule"], event.details["reason"]) == ("mistaken_days", "time_over")
    assert Shredding.objects.get(case=case).asked_by is None


def test_an_abandoned_draft_is_cancelled_with_it(turn_clock) -> None:
    case = passed(opened_case(), turn_clock)
    assert retention.sweep() == 1
    case = anew(case)
    assert (case.status, case.cancel_reason, case.shredding.reason) == ("cancelled", "other", "abandoned")
    assert not case.is_unanswered, "nobody is told that it is overdue"


def test_a_date_that_no_longer_fits_is_given_anew_and_destroys_nothing() -> None:
    case = due(cancelled_case())
    assert retention.sweep() == 0
    assert anew(case).shred_at == retention.rule_of(case).on


def test_a_case_on_hold_is_left_alone_for_ever(turn_clock) -> None:
    case = passed(cancelled_case(), turn_clock)
    lifecycle.hold(case, by=person("ada"))
    due(case)
    assert retention.sweep() == 0
    assert anew(case).identifiers.first().value()


def test_few_at_a_time_and_one_that_fails_holds_up_no_other(turn_clock, monkeypatch, caplog) -> None:
    monkeypatch.setattr(sweeping, "SHREDDED_AT_ONCE", 2)
    cases = [cancelled_case() for _number in range(3)]
    passed(cases[0], turn_clock)
    broken = sorted(cases, key=lambda case: case.pk)[0]
    real = sweeping.shred

    def shred(case: Case, **said: object) -> bool:
        if case.pk == broken.pk:
            raise KeyError("ada@example.org")
        return real(case, **said)

    monkeypatch.setattr(sweeping, "shred", shred)
    assert [retention.sweep() for _number in range(3)] == [1, 1, 0]
    assert not anew(broken).shredded_at
    assert "ada@example.org" not in caplog.text and str(broken.pk) in caplog.text


def test_a_case_on_hold_keeps_its_files_beyond_their_own_time(turn_clock) -> None:
    case = opened_case()
    with transaction.atomic():
        kept = evidence.add(case, by=case.opened_by, name="passport.pdf", content=b"%PDF", kind=evidence.IDENTITY)
    lifecycle.hold(case, by=person("ada"), note="The court asks for it.")
    now = turn_clock(kept.keep_until + DAY)
    assert evidence.expire_due(now) == 0
    with evidence.open_evidence(Evidence.objects.get(pk=kept.pk)) as file:
        assert file.read() == b"%PDF"
    lifecycle.release(anew(case), by=person("ada"))
    assert evidence.expire_due(now) == 1


# --- again, after a restore


FIRST = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_after_a_restore_what_was_destroyed_is_destroyed_again_and_the_trail_says_so() -> None:
    case, other = ended_case(), ended_case()
    assert retention.shred_again({case.data_key_id: FIRST, uuid.uuid4(): FIRST}, actor="system:restore") == 1
    case = anew(case)
    assert case.shredded_at and case.shredding.reason == "restored"
    assert not anew(other).shredded_at
    (event,) = told("case.shredded_again")
    assert (event.actor, event.details["first_on"]) == ("system:restore", "2026-03-04")
    assert retention.shred_again({case.data_key_id: FIRST}, actor="system:restore") == 0, "safe to run twice"


@pytest.mark.parametrize("make", [opened_case, lambda: opened_case(submit=True), approved_case])
def test_a_case_that_the_backup_has_open_ends_and_never_comes_back_to_life(make) -> None:
    case = make()
    assert retention.shred_again({case.data_key_id: FIRST}, actor="system:restore") == 1
    case = anew(case)
    assert (case.status, case.is_unanswered, case.shredded_at is not None) == ("cancelled", False, True)
    assert not case.sub_tasks.exclude(status__in=("stopped", "skipped")).exists()


def test_work_that_was_under_way_is_stopped_and_the_case_ends_in_part() -> None:
    case = approved_case()
    SubTask.objects.filter(case=case).update(
        status="running", lease_until=clock.now(), sent_at=clock.now(), committed_at=clock.now()
    )
    retention.shred_again({case.data_key_id: FIRST}, actor="system:restore")
    assert anew(case).status == "partly_completed"
    assert set(case.sub_tasks.values_list("status", "reason")) == {("stopped", "shredded")}


def test_a_single_file_and_any_other_key_go_again_too() -> None:
    case = opened_case()
    file = evidence.File("passport.png", b"a picture")
    lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", file=file)
    item = case.evidence.get()
    from compliance.vault.seal import new_key

    of_an_import = new_key()
    keys = {item.data_key_id: FIRST, of_an_import.pk: FIRST}
    assert retention.shred_again(keys, actor="system:restore") == 1
    item.refresh_from_db()
    assert item.removed_at and DataKey.objects.get(pk=item.data_key_id).destroyed_at
    assert DataKey.objects.get(pk=of_an_import.pk).destroyed_at
    (event,) = told("evidence.expired_again")
    assert event.subject == f"evidence:{item.pk}"
    assert anew(case).identifiers.first().value()


def test_a_key_that_is_gone_without_the_rest_is_no_obstacle() -> None:
    """As a process that was killed in an earlier release could leave it."""
    case = ended_case()
    destroy(case.data_key)
    assert retention.shred_again({case.data_key_id: FIRST}, actor="system:restore") == 1
    assert not Identifier.objects.filter(case=case).exclude(fingerprint="").exists()


def test_a_destroyed_case_takes_no_letter_and_no_file() -> None:
    case = shredded(ended_case())
    with pytest.raises(Conflict, match="destroyed"):
        letters.send(case, "recipients", by=person("olive"), channel="letter", subject="To Ada", body="Dear Ada")
    with pytest.raises(Conflict, match="destroyed"), transaction.atomic():
        evidence.add(case, by=person("olive"), name="a.pdf", content=b"%PDF")
    assert not case.evidence.filter(removed_at=None).exists()


def test_a_letter_that_was_read_before_the_destruction_is_not_kept_after_it(monkeypatch) -> None:
    case = ended_case(requester={"name": "Ada Lovelace"})
    real = letters.writing.printed

    def printed(*told: object) -> bytes:
        shredded(case)
        return real(*told)

    monkeypatch.setattr(letters.writing, "printed", printed)
    with pytest.raises(Conflict, match="destroyed"):
        letters.send(anew(case), "recipients", by=person("olive"), channel="letter")
    assert not Letter.objects.exists() and not case.evidence.filter(removed_at=None).exists()


def test_what_the_schedule_destroys_is_not_said_to_be_what_somebody_asked_for(turn_clock) -> None:
    case = passed(asked_for(ended_case()), turn_clock)
    assert retention.sweep() == 1
    assert anew(case).shredding.reason == "time_over"


def test_a_rollback_destroys_nothing() -> None:
    case = ended_case()
    with pytest.raises(RuntimeError), transaction.atomic():
        retention.shred(case, actor="system:retention", why="time_over")
        raise RuntimeError
    assert anew(case).identifiers.first().value()
