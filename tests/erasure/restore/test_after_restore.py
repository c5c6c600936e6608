"""`manage.py after_restore`, in one process: each thing that it puts right."""

import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django_q.models import OrmQ

from compliance import clock
from compliance.audit import actions, highwater, seal
from compliance.audit import behind as behind_
from compliance.audit.behind import behind
from compliance.audit.models import Checkpoint, Event
from compliance.audit.record import record
from compliance.staff import tokens
from compliance.vault import keys
from compliance.vault.models import DataKey
from erasure import evidence, lifecycle, retention
from erasure.models import Call, Case, Letter, SubTask
from erasure.restore import references
from erasure.sandbox import Apptus
from erasure.states import BulkStatus, MailState, Verdict
from tests import factories
from tests.erasure.worker.lane import Lane

from .conftest import PutBack

pytestmark = pytest.mark.django_db


@pytest.fixture
def lane(turn_clock: Callable[[datetime | timedelta], datetime]) -> Any:
    with Apptus(archive_days=1).start() as apptus:
        yield Lane(apptus, turn_clock)


def after_restore(*options: str) -> str:
    out = StringIO()
    call_command("after_restore", "--no-input", *options, stdout=out)
    return out.getvalue()


def told(action: str) -> list[dict[str, Any]]:
    return [event.details for event in Event.objects.filter(action=action).order_by("pk")]


def test_the_desk_may_work_again_and_the_trail_names_the_gap(put_back: PutBack) -> None:
    factories.vendor()
    factories.opened_case()
    last = Event.objects.latest("pk").at
    put_back()
    said = after_restore()
    assert behind() is None
    (gap,) = told("desk.restored")
    assert (gap["tree_size"], gap["known_size"], gap["known_by"]) == (0, 4711, "mark")
    assert datetime.fromisoformat(gap["last_event_at"]) == last
    assert "4711 events were sealed" in said
    assert "open cases (1)" in said
    factories.opened_case()


def test_what_happens_before_it_is_put_right_does_not_shorten_what_is_lost(put_back: PutBack, turn_clock: Any) -> None:
    factories.vendor()
    case = factories.opened_case()
    seal.seal()
    sealed = Checkpoint.objects.latest()
    put_back()
    turn_clock(timedelta(hours=5))
    record("staff.signed_in", actor="user:1")
    after_restore()
    (gap,) = told("desk.restored")
    assert datetime.fromisoformat(gap["last_event_at"]) == sealed.at
    assert Case.objects.get(pk=case.pk).lost_since == sealed.at


def test_a_backup_that_the_copy_tells_of_is_its_end(put_back: PutBack, turn_clock: Any) -> None:
    seal.seal()
    turn_clock(timedelta(hours=1))
    record(actions.BACKUP_BEGUN, actor="system:command")
    begun = Event.objects.latest("pk").at
    put_back()
    turn_clock(timedelta(hours=5))
    record("staff.signed_in", actor="user:1")
    after_restore()
    assert datetime.fromisoformat(told("desk.restored")[0]["last_event_at"]) == begun


def test_a_mark_of_a_host_whose_clock_was_ahead_is_put_right_too(put_back: PutBack) -> None:
    put_back()
    mark = highwater.read()
    assert mark
    highwater.keep(Checkpoint(size=mark.size, at=clock.now() + timedelta(hours=1), note=mark.note))
    assert behind()
    after_restore()
    assert behind() is None


def test_without_a_gap_nothing_is_done_unless_it_is_asked_for() -> None:
    with pytest.raises(CommandError, match="--anyway"):
        after_restore()
    assert not told("desk.restored")
    after_restore("--anyway")
    assert told("desk.restored")[0]["known_size"] is None


def test_a_dry_run_says_what_it_would_do_and_does_nothing(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    put_back()
    said = after_restore("--dry-run")
    assert "1 piece of vendor work in doubt" in said
    assert behind()
    assert not Call.objects.exists()
    assert Case.objects.get(pk=case.pk).lost_since is None
    assert not told("desk.restored")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_whoever_does_not_say_yes_has_done_nothing(put_back: PutBack, monkeypatch: pytest.MonkeyPatch) -> None:
    put_back()
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("after_restore", stdout=StringIO())
    assert behind()
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    call_command("after_restore", stdout=StringIO())
    assert behind() is None


def test_a_script_is_not_asked(put_back: PutBack, monkeypatch: pytest.MonkeyPatch) -> None:
    put_back()
    monkeypatch.setattr(sys, "stdin", StringIO())
    call_command("after_restore", stdout=StringIO())
    assert behind() is None


def test_run_once_more_it_does_nothing(put_back: PutBack) -> None:
    put_back()
    after_restore()
    assert "put right before" in after_restore()
    assert len(told("desk.restored")) == 1


def test_the_copy_of_a_backup_is_known_where_nothing_else_is(tmp_path: Path) -> None:
    """As on a new host: its folder of keys has no mark."""
    highwater.path().unlink(missing_ok=True)
    record(actions.BACKUP_BEGUN, actor="system:command", subject="backup:1")
    behind_.forget()
    assert "a copy that manage.py backup has made" in str(behind())
    after_restore()
    assert behind() is None
    assert told("desk.restored")[0]["known_size"] is None


@pytest.mark.parametrize("ended", [actions.BACKED_UP, actions.BACKUP_FAILED])
def test_a_desk_whose_backups_have_ended_is_no_copy(ended: str) -> None:
    highwater.path().unlink(missing_ok=True)
    record(actions.BACKUP_BEGUN, actor="system:command", subject="backup:1")
    record(ended, actor="system:command", subject="backup:1")
    behind_.forget()
    assert behind() is None


def test_a_desk_that_has_sealed_on_this_host_is_no_copy_though_a_backup_is_being_made() -> None:
    record(actions.BACKUP_FAILED, actor="system:command", subject="backup:0")
    seal.seal(wait=True)
    highwater.keep(Checkpoint.objects.latest("size"))  # as it is once that is committed
    record(actions.BACKUP_BEGUN, actor="system:command", subject="backup:1")
    behind_.forget()
    assert behind() is None


def test_work_that_is_due_may_have_been_sent_and_its_repeat_is_named(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    put_back()
    after_restore()
    (doubt,) = told("sub_task.in_doubt")
    assert set(doubt["steps"]) == {"start_export", "fetch_export", "start_removal"}
    assert set(Call.objects.values_list("verdict", "code")) == {(Verdict.UNKNOWN, "restored")}
    assert lane.to_end(case).status == "completed"
    assert [event["step"] for event in told("sub_task.may_repeat")] == ["start_export", "fetch_export", "start_removal"]


def test_a_call_that_was_under_way_ends_unknown(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    claim = lane.claim()
    put_back()
    after_restore()
    assert Call.objects.get(pk=claim.call.pk).verdict == Verdict.UNKNOWN
    work = lane.work(case)
    assert (work.status, work.step) == ("ready", "start_export")
    assert lane.to_end(case).status == "completed"


def test_work_that_asks_its_vendor_goes_on_asking(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_export")
    put_back()
    after_restore()
    assert lane.work(case).step == "await_export"
    assert lane.to_end(case).status == "completed"
    assert "start_export" not in [event["step"] for event in told("sub_task.may_repeat")], "it was not sent again"


def test_work_that_was_not_due_by_now_was_not_sent(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    SubTask.objects.update(next_at=clock.now() + timedelta(days=30))
    put_back()
    after_restore()
    assert not told("sub_task.in_doubt")
    assert lane.work(case).sent_at is None


def test_what_is_approved_only_now_may_have_been_approved_and_sent_before(put_back: PutBack, lane: Lane) -> None:
    case = factories.opened_case(submit=True)
    put_back()
    after_restore()
    assert not told("sub_task.in_doubt")
    factories.approve(case)
    assert "start_export" in told("sub_task.in_doubt")[0]["steps"]
    assert lane.to_end(case).status == "completed"
    assert "start_removal" in [event["step"] for event in told("sub_task.may_repeat")]


def test_a_draft_can_still_be_changed_and_drawn_anew(put_back: PutBack, lane: Lane) -> None:
    case = factories.opened_case()
    put_back()
    after_restore()
    from erasure import intake

    intake.add_identifier(case, by=factories.person("olive"), kind="customer_id", value="C-2002")
    lifecycle.submit(case, by=factories.person("olive"))


def test_a_cancelled_case_stops_what_had_asked_for_nothing_yet(put_back: PutBack, lane: Lane) -> None:
    case = lane.case()
    put_back()
    after_restore()
    lifecycle.cancel(case, by=factories.person("olive"), reason="mistaken")
    work = lane.work(case)
    assert (work.status, work.reason) == ("stopped", "stopped_before_effect")
    case.refresh_from_db()
    assert case.status == "partly_completed", "whether anything was sent is not known"


@pytest.mark.parametrize("mail", [MailState.QUEUED, MailState.SENDING, MailState.FAILED])
def test_a_letter_that_was_to_be_sent_or_may_have_been_tried_again_waits_for_a_person(
    put_back: PutBack, mail: MailState
) -> None:
    factories.vendor()
    case = factories.opened_case()
    kept = evidence.add(case, by=case.opened_by, name="a.pdf", content=b"%PDF")
    Letter.objects.create(
        id=uuid.uuid4(),
        case=case,
        kind="acknowledgement",
        language="en",
        channel="email",
        by=case.opened_by,
        at=clock.now(),
        evidence=kept,
        mail=mail,
        queued_at=clock.now(),
        next_at=None if mail == MailState.FAILED else clock.now(),
    )
    put_back()
    after_restore()
    assert Letter.objects.get().mail == MailState.UNKNOWN
    assert len(told("letter.unknown")) == 1
    assert told("desk.restored")[0]["letters"] == 1


def test_a_shredded_key_is_destroyed_again(put_back: PutBack, tmp_path: Any, settings: Any) -> None:
    factories.vendor()
    case = factories.opened_case()
    listed = keys.Path(settings.KEY_RING).parent / "shredded.jsonl"
    listed.write_text(json.dumps({"key": str(case.data_key_id), "at": clock.now().isoformat()}) + "\n")
    try:
        put_back()
        said = after_restore()
    finally:
        listed.unlink()
    assert "destroyed again, cases and files: 1" in said
    assert DataKey.objects.get(pk=case.data_key_id).destroyed_at


def test_a_dry_run_counts_what_would_be_destroyed_again_as_the_run_itself_does(
    put_back: PutBack, settings: Any
) -> None:
    factories.vendor()
    gone, stays = factories.opened_case(), factories.opened_case()
    with transaction.atomic():
        files = [evidence.add(case, by=case.opened_by, name="a.pdf", content=b"%PDF") for case in (gone, gone, stays)]
    now = clock.now().isoformat()
    listed = keys.Path(settings.KEY_RING).parent / "shredded.jsonl"
    destroyed = [gone.data_key_id, *(file.data_key_id for file in files)]
    listed.write_text("".join(json.dumps({"key": str(key), "at": now}) + "\n" for key in destroyed))
    try:
        put_back()
        foretold, done = after_restore("--dry-run"), after_restore()
    finally:
        listed.unlink()
    line = "destroyed again, cases and files: 2"  # a case with its two files, and one file of another case
    assert line in foretold
    assert line in done


def test_a_host_whose_list_knows_more_destroys_it_though_another_has_put_the_desk_right(
    put_back: PutBack, tmp_path: Any, settings: Any
) -> None:
    factories.vendor()
    case, first = factories.opened_case(), clock.now()
    put_back()
    after_restore()
    listed = keys.Path(settings.KEY_RING).parent / "shredded.jsonl"
    try:
        listed.write_text(json.dumps({"key": str(case.data_key_id), "at": clock.now().isoformat()}) + "\n")
        with pytest.raises(CommandError, match="--anyway"):
            after_restore()  # it was put back once more, and nobody has noticed
        listed.write_text(json.dumps({"key": str(case.data_key_id), "at": first.isoformat()}) + "\n")
        assert "destroyed again, cases and files: 1" in after_restore("--dry-run")
        assert not Case.objects.get(pk=case.pk).shredded_at
        assert "destroyed again, cases and files: 1" in after_restore()
        assert Case.objects.get(pk=case.pk).shredded_at
        assert len(told("desk.restored")) == 1, "nothing else is put in doubt once more"
        with pytest.raises(CommandError, match="Nothing was done"):
            after_restore()
    finally:
        listed.unlink()


def test_what_would_be_destroyed_by_now_gives_its_notice_anew_as_a_hold_may_be_lost(put_back: PutBack) -> None:
    factories.vendor()
    case = factories.opened_case()
    lifecycle.cancel(case, by=case.opened_by, reason="mistaken")
    Case.objects.filter(pk=case.pk).update(
        shred_at=clock.today(), closed_at=clock.now() - timedelta(days=400), cancelled_at=clock.now()
    )
    put_back()
    after_restore()
    assert retention.sweep() == 0
    retention.give_dates()
    assert retention.sweep() == 0
    assert Case.objects.get(pk=case.pk).shred_at == clock.today() + timedelta(days=14)


def test_running_bulk_work_is_stopped(put_back: PutBack) -> None:
    from erasure.models import BulkJob

    job = BulkJob.objects.create(
        deed="hold", person=factories.person("ada"), status=BulkStatus.RUNNING, created_at=clock.now()
    )
    put_back()
    after_restore()
    job.refresh_from_db()
    assert job.status == BulkStatus.STOPPED


def test_everybody_signs_in_again_and_living_tokens_are_listed(put_back: PutBack) -> None:
    Session.objects.create(session_key="a", session_data="", expire_date=clock.now() + timedelta(days=1))
    token, _text = tokens.issue("crm", ["cases:read"])
    put_back()
    said = after_restore()
    assert f"crm …{token.hint}" in said
    assert not Session.objects.exists()
    token.refresh_from_db()
    assert token.revoked_at is None


def test_tokens_are_revoked_on_request(put_back: PutBack) -> None:
    token, _text = tokens.issue("crm", ["cases:read"])
    put_back()
    after_restore("--revoke-tokens")
    token.refresh_from_db()
    assert token.revoked_at


def test_the_queue_of_another_database_is_emptied(put_back: PutBack, lane: Lane) -> None:
    OrmQ.objects.create(key="erasure-desk", payload="x", lock=clock.now())
    put_back()
    after_restore()
    assert not OrmQ.objects.exists()


def test_evidence_without_its_file_is_named(put_back: PutBack) -> None:
    factories.vendor()
    case = factories.opened_case()
    evidence.path_of(evidence.add(case, by=case.opened_by, name="a.pdf", content=b"%PDF")).unlink()
    put_back()
    assert case.reference in after_restore().partition("evidence whose file is not there")[2]


# --- references -------------------------------------------------------------------------------------------------------


def number(reference: str) -> int:
    return int(reference.rpartition("-")[2])


def test_the_next_reference_lies_a_thousand_beyond_the_last_at_least(put_back: PutBack) -> None:
    factories.vendor()
    last = number(factories.opened_case().reference)
    put_back()
    after_restore()
    assert number(factories.opened_case().reference) > last + references.STEP


def test_a_busy_desk_leaves_out_more(monkeypatch: pytest.MonkeyPatch, turn_clock: Any) -> None:
    """One case an hour was the rule; 300 hours are lost."""
    turn_clock(datetime(2026, 6, 1, 12, tzinfo=UTC))  # all of them in one year, in which references count on
    monkeypatch.setattr(references, "LATELY", timedelta(hours=1))
    factories.vendor()
    last = number(factories.opened_case().reference)
    now = clock.now()
    _first, left_out = references.leave_out(now - timedelta(seconds=1), now + timedelta(hours=300))
    assert number(left_out) >= last + references.STEP + 300 * references.SAFETY


def test_a_reference_that_somebody_knows_is_left_behind(put_back: PutBack) -> None:
    factories.vendor()
    year = factories.opened_case().reference.split("-")[1]
    put_back()
    after_restore("--references-after", f"DSR-{year}-045678")
    assert number(factories.opened_case().reference) > 45678


# --- what staff see ---------------------------------------------------------------------------------------------------


def test_the_page_of_an_open_case_says_what_is_lost(put_back: PutBack, client: Client) -> None:
    factories.vendor()
    case = factories.opened_case()
    client.force_login(factories.person("root", is_superuser=True))
    address = f"/admin/erasure/case/{case.pk}/change/"
    assert "was put back from a backup of" not in client.get(address).content.decode()
    put_back()
    after_restore()
    client.force_login(factories.person("root"))  # the session has ended
    assert "was put back from a backup of" in client.get(address).content.decode()


def test_what_may_have_been_sent_is_told_in_words(put_back: PutBack, lane: Lane, client: Client) -> None:
    case = lane.case()
    put_back()
    after_restore()
    client.force_login(factories.person("root", is_superuser=True))
    page = client.get(f"/admin/erasure/case/{case.pk}/change/").content.decode()
    assert "it may have been sent after the backup that was put back" in page
    assert "<code>restored</code>" not in page
