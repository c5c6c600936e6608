"""Confirming by hand: what it proves, for which identifiers, in which cases, and what is shown for it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from compliance import clock
from compliance.audit import export
from compliance.audit.models import Event
from erasure import evidence, intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.evidence import File
from erasure.models import Evidence, Note, SubTask
from erasure.states import CaseStatus, SubTaskStatus
from tests.erasure.taken import cdp, said, taken
from tests.factories import approve, approved_case, person, vendor, work

pytestmark = pytest.mark.django_db

PICTURE = File("Ada Lovelace.PNG", b"\x89PNG the vendor's screen says completed")
DONE, OPEN = ("erased", "yes", "confirmed"), ("pending", "yes", "accepted")


@pytest.fixture(autouse=True)
def account(settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    return cdp()


def attest(sub_task, **given):
    lifecycle.attest(sub_task, **{"by": person("olive"), "note": "Their screen says completed."} | given)
    return sub_task


def attest_reference(account, reference, **given):
    given = {"by": person("olive"), "note": "Their screen says completed."} | given
    return lifecycle.attest_reference(account, reference, **given)


def now(sub_task):
    return SubTask.objects.get(pk=sub_task.pk)


def attention(**fields):
    return {
        "status": "needs_attention",
        "attention_code": "refused",
        "attention_text": "Look.",
        "next_at": None,
    } | fields


# --- one sub-task


def test_work_whose_vendor_acts_unasked_may_be_confirmed_while_it_waits():
    sub_task = attest(taken("E-1", "E-2"))

    assert (sub_task.status, sub_task.assurance) == ("done", "confirmed")
    assert said(sub_task) == [(*DONE, "E-1"), (*DONE, "E-2")]


@pytest.mark.parametrize("step", ["submit", "ask_again", "a_step_of_long_ago"])
def test_work_that_waits_for_anything_else_may_not(step):
    sub_task = taken("E-1", step=step)

    with pytest.raises(Conflict) as refused:
        attest(sub_task)
    assert refused.value.code == "not_awaiting_attestation"
    assert (now(sub_task).status, said(sub_task)) == ("waiting", [(*OPEN, "E-1")])


def test_what_the_vendor_itself_has_said_keeps_its_own_proof():
    sub_task = taken("E-1", "", "")
    uses = list(sub_task.identifiers.order_by("id"))
    sub_task.identifiers.filter(pk=uses[1].pk).update(outcome="not_held", held="no", assurance="asked_again")
    sub_task.identifiers.filter(pk=uses[2].pk).update(outcome="processed", assurance="accepted")

    attest(sub_task)

    assert [use[:3] for use in said(sub_task)] == [
        DONE,
        ("not_held", "no", "asked_again"),
        ("processed", "unknown", "accepted"),
    ]
    assert sub_task.assurance == "accepted", "no better than what is proven least"


def test_work_by_hand_does_not_say_whether_data_was_held():
    vendor("Paper archive", "manual")
    sub_task = attest(work(approved_case(), "Paper archive"))

    assert (said(sub_task), sub_task.held()) == ([("erased", "unknown", "confirmed", "")], "unknown")


@pytest.mark.parametrize(
    ("held", "outcome", "kept"),
    [("unknown", "erased", "unknown"), ("yes", "erased", "yes"), ("no", "not_held", "no")],
)
def test_a_person_may_say_whether_data_was_held(held, outcome, kept):
    vendor("Paper archive", "manual")
    sub_task = attest(work(approved_case(), "Paper archive"), held=held)

    assert said(sub_task) == [(outcome, kept, "confirmed", "")]
    details = Event.objects.get(action="sub_task.attested").details
    assert (details["outcomes"], details["held"]) == ([outcome], kept)
    assert SubTask.objects.get(pk=sub_task.pk).status == "done"


def test_nobody_takes_back_that_the_vendor_held_data():
    sub_task = taken("E-1", "")

    with pytest.raises(Invalid, match="nothing was done") as refused:
        attest(sub_task, held="no", file=PICTURE)
    assert [at for at, _text in refused.value.problems] == ["/held"]
    assert (now(sub_task).status, Note.objects.count(), Evidence.objects.count()) == ("waiting", 0, 0)
    attest(sub_task, held="yes")
    assert [use[:3] for use in said(sub_task)] == [DONE, DONE]


@pytest.mark.parametrize("held", ["", "perhaps"])
def test_a_word_that_says_nothing_of_it_confirms_nothing(account, held):
    sub_task = taken("E-1")

    for do in (lambda: attest(sub_task, held=held), lambda: attest_reference(account, "E-1", held=held)):
        with pytest.raises(Invalid, match="Choose one of") as refused:
            do()
        assert [at for at, _text in refused.value.problems] == ["/held"]
    assert said(sub_task) == [(*OPEN, "E-1")]


def test_work_of_a_case_on_hold_is_left_alone_until_it_is_released():
    sub_task = taken("E-1")
    lifecycle.hold(sub_task.case, by=person("ada"))

    with pytest.raises(Conflict, match="on hold") as refused:
        attest(sub_task, file=PICTURE)
    assert refused.value.code == "wrong_state"
    assert (said(sub_task), Evidence.objects.count()) == ([(*OPEN, "E-1")], 0)
    lifecycle.release(sub_task.case, by=person("ada"))
    assert attest(sub_task).status == "done"


def test_the_trail_tells_each_identifiers_outcome():
    sub_task = attest(taken("E-1", "E-2"))

    details = Event.objects.get(action="sub_task.attested").details
    assert (details["outcomes"], details["held"], details["assurance"]) == (["erased"], "yes", "confirmed")
    ids = [str(use.identifier_id) for use in sub_task.identifiers.order_by("id")]
    assert details["identifiers"] == [f"{number} erased yes confirmed" for number in ids]


def test_an_export_shows_each_identifiers_outcome_of_the_largest_case_too():
    sub_task = attest(taken(*["E-1"] * intake.MAX_IDENTIFIERS))

    lines = list(export.csv_lines(export.rows(export.Selection(case=sub_task.case.reference), 0, tail=True)))
    (line,) = [line for line in lines if "sub_task.attested" in line]
    for use in sub_task.identifiers.all():
        assert f"{use.identifier_id} erased yes confirmed" in line


# --- all that share a reference


def test_a_reference_is_confirmed_in_every_case_that_shares_it_and_only_there(account):
    first, second, other = taken("E-1"), taken("E-1"), taken("E-2")

    done = attest_reference(account, "E-1")

    assert {sub_task.pk for sub_task in done} == {first.pk, second.pk}
    for sub_task in (first, second):
        assert (now(sub_task).status, said(sub_task)) == ("done", [(*DONE, "E-1")])
        sub_task.case.refresh_from_db()
        assert sub_task.case.status == CaseStatus.COMPLETED
    assert (now(other).status, said(other)) == ("waiting", [(*OPEN, "E-2")])
    with pytest.raises(Conflict):
        attest_reference(account, "E-1")


def test_cases_on_hold_are_left_out_of_a_confirmation_by_reference(account):
    free, held, job = (
        taken("E-1"),
        taken("E-1"),
        taken("", references={"event": "E-1"}, status="needs_attention", attention_code="refused"),
    )
    for sub_task in (held, job):
        lifecycle.hold(sub_task.case, by=person("ada"))
    assert {item.pk for item in lifecycle.sharing(account, "E-1", on_hold=True)} == {held.pk, job.pk}

    assert [item.pk for item in attest_reference(account, "E-1")] == [free.pk]

    assert (now(held).status, said(held)) == ("waiting", [(*OPEN, "E-1")])
    assert not held.case.notes.exists()
    with pytest.raises(Conflict, match="on hold") as refused:
        attest_reference(account, "E-1")
    assert refused.value.code == "wrong_state"
    for sub_task in (held, job):
        lifecycle.release(sub_task.case, by=person("ada"))
    assert {item.pk for item in attest_reference(account, "E-1")} == {held.pk, job.pk}


def test_by_reference_yes_is_said_only_where_the_vendor_has_not_said_it_and_no_is_nobodys_to_say(account):
    sub_task = taken("E-1", "E-1", "E-1")
    uses = list(sub_task.identifiers.order_by("id"))
    for use, held in zip(uses, ("unknown", "no", "yes"), strict=True):
        sub_task.identifiers.filter(pk=use.pk).update(held=held)

    with pytest.raises(Invalid) as refused:
        attest_reference(account, "E-1", held="no")
    assert [at for at, _text in refused.value.problems] == ["/held"]
    attest_reference(account, "E-1", held="yes")
    assert [use[:2] for use in said(sub_task)] == [("erased", "yes"), ("erased", "no"), ("erased", "yes")]


def test_identifiers_taken_under_another_reference_keep_their_work_open(account):
    mixed = taken("E-1", "E-2", "", step="submit")

    (done,) = attest_reference(account, "E-1")

    assert (done.pk, done.status) == (mixed.pk, "waiting")
    mixed = now(mixed)
    assert (mixed.status, mixed.step, mixed.assurance) == ("waiting", "submit", "none")
    assert said(mixed) == [(*DONE, "E-1"), (*OPEN, "E-2"), ("pending", "unknown", "none", "")]
    event = Event.objects.get(action="sub_task.partly_attested")
    assert (event.actor, event.details["reference"]) == (f"user:{person('olive').pk}", "E-1")
    assert [line.split(" ", 1)[1] for line in event.details["identifiers"]] == [
        "erased yes confirmed",
        "pending yes accepted",
        "pending unknown none",
    ]
    attest_reference(account, "E-2")
    assert now(mixed).status == "waiting", "one was never taken"


def test_what_the_vendor_has_said_under_the_reference_stays_as_it_said_it(account):
    sub_task = taken("E-1", "E-1")
    first = sub_task.identifiers.order_by("id").first()
    sub_task.identifiers.filter(pk=first.pk).update(outcome="not_held", held="no", assurance="confirmed")

    attest_reference(account, "E-1")
    assert [use[:3] for use in said(sub_task)] == [("not_held", "no", "confirmed"), DONE]
    assert now(sub_task).status == "done"


def test_work_that_needs_attention_for_other_identifiers_still_needs_it(account):
    sub_task = taken("E-1", "", **attention())
    sub_task.identifiers.filter(reference="").update(outcome="refused")

    attest_reference(account, "E-1")
    assert (now(sub_task).status, now(sub_task).attention_code) == ("needs_attention", "refused")
    assert [use[0] for use in said(sub_task)] == ["erased", "refused"]

    lifecycle.retry(now(sub_task), by=person("ada"))
    assert [use[:3] for use in said(sub_task)] == [DONE, ("pending", "unknown", "none")]


@pytest.mark.parametrize("status", ["ready", "waiting", "awaiting_attestation", "needs_attention"])
def test_a_reference_is_confirmed_wherever_its_work_stands(account, status):
    sub_task = taken("E-1", **attention(status=status, next_at=clock.now()))

    attest_reference(account, "E-1")
    assert (now(sub_task).status, now(sub_task).next_at, now(sub_task).attention_code) == ("done", None, "")


def test_nothing_is_confirmed_while_the_vendor_is_being_called_for_any_of_it(account):
    first, second = taken("E-1"), taken("E-1", status="running", lease_until=clock.now() + timedelta(minutes=1))

    with pytest.raises(Conflict, match="Nothing was done"):
        attest_reference(account, "E-1", file=PICTURE)
    for sub_task in (first, second):
        assert said(sub_task) == [(*OPEN, "E-1")]
    assert not Evidence.objects.exists()
    assert not Note.objects.exists()


def test_work_that_has_ended_stays_as_it_ended(account):
    given_up, other = taken("E-1", **attention()), taken("E-1")
    lifecycle.give_up(given_up, by=person("ada"), note="They do not answer.")

    assert [sub_task.pk for sub_task in attest_reference(account, "E-1")] == [other.pk]
    assert (now(given_up).status, said(given_up)) == ("stopped", [("failed", "yes", "none", "E-1")])


def test_the_same_reference_of_another_account_is_another_one(account):
    cdp("CDP two")
    mine = taken("E-1")
    theirs = taken("E-1", case=mine.case, name="CDP two")

    attest_reference(account, "E-1")
    assert (now(mine).status, now(theirs).status) == ("done", "waiting")


def test_a_job_of_the_whole_work_is_confirmed_as_a_whole():
    shop = vendor("Shop search")
    first, second = (work(approved_case(identifiers=[("customer_id", name)])) for name in ("C-1", "C-2"))
    for sub_task, status in ((first, "needs_attention"), (second, "ready")):
        fields = attention(status=status, next_at=clock.now(), references={"remove_1": "J-7"})
        SubTask.objects.filter(pk=sub_task.pk).update(**fields)
    first.identifiers.update(outcome="refused")

    (done,) = attest_reference(shop, "J-7")

    assert (done.pk, now(first).status) == (first.pk, "done")
    assert said(first) == [("erased", "unknown", "confirmed", "")]
    assert now(second).status == "ready", "nobody has to confirm what is about to be asked"


@pytest.mark.parametrize("reference", ["", "E-9", "e-1"])
def test_a_reference_that_nothing_waits_under_confirms_nothing(account, reference):
    sub_task = taken("E-1", "")

    with pytest.raises(Conflict) as refused:
        attest_reference(account, reference)
    assert refused.value.code == "not_awaiting_attestation"
    assert [use[0] for use in said(sub_task)] == ["pending", "pending"]


def test_a_reference_that_is_no_plain_word_is_not_put_into_the_trail(account):
    taken("event 7 of ada@example.org")

    attest_reference(account, "event 7 of ada@example.org")
    event = Event.objects.get(action="sub_task.attested")
    assert event.details["reference"] == ""
    assert "ada@" not in event.canonical


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_confirm_at_once_one_does_and_the_other_is_told(account):
    works, start = [taken("E-1") for _number in range(4)], Barrier(2, timeout=30)

    def confirm(name):
        try:
            start.wait()
            return len(attest_reference(account, "E-1", by=name))
        except Conflict as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(confirm, [person("olive"), person("otto")]))

    assert sorted(results, key=str) == [4, "not_awaiting_attestation"]
    assert {now(sub_task).status for sub_task in works} == {"done"}
    assert Event.objects.filter(action="sub_task.attested").count() == Note.objects.count() == 4


# --- what is shown for it


def read(item):
    with evidence.open_evidence(item) as stream:
        return stream.read()


def test_each_case_keeps_its_own_note_and_its_own_sealed_file(account):
    works = [taken("E-1"), taken("E-1")]

    attest_reference(account, "E-1", note="Completed on their screen.", file=PICTURE)

    for sub_task in works:
        assert sub_task.case.notes.get().unseal("text") == "Completed on their screen."
        item = sub_task.case.evidence.get()
        assert (item.sub_task_id, read(item)) == (sub_task.pk, PICTURE.content)
        event = Event.objects.get(action="sub_task.attested", subject=f"sub_task:{sub_task.pk}")
        assert event.details["evidence"] == f"evidence:{item.pk}"
    assert Note.objects.count() == Evidence.objects.count() == 2
    first, second = (evidence.path_of(item).read_bytes() for item in Evidence.objects.all())
    assert first != second


def test_two_parts_of_one_case_share_its_note_and_file(account):
    first = taken("E-1")
    lifecycle.move(first, SubTaskStatus.NEEDS_ATTENTION, attention_code="refused")
    intake.add_identifier(first.case, by=person("olive"), kind="customer_id", value="C-late")
    approve(first.case)
    second = taken("E-1", case=first.case)

    attest_reference(account, "E-1", file=PICTURE)

    assert (now(first).status, now(second).status) == ("done", "done")
    assert Note.objects.count() == Evidence.objects.count() == 1


@pytest.mark.parametrize("note", ["", "a\x00b"])
@pytest.mark.parametrize(
    "act",
    [
        lambda account, work, **given: attest(work, **given),
        lambda account, work, **given: attest_reference(account, "E-1", **given),
    ],
)
def test_without_a_readable_note_nothing_is_confirmed_and_no_file_is_left(account, settings, act, note):
    sub_task = taken("E-1")

    with pytest.raises(Invalid) as refused:
        act(account, sub_task, note=note, file=PICTURE)
    assert [at for at, _text in refused.value.problems] == ["/note"]
    assert said(sub_task) == [(*OPEN, "E-1")]
    assert not Evidence.objects.exists()
    assert not list(settings.EVIDENCE_DIR.rglob("*.sealed"))


@pytest.mark.parametrize(("content", "words"), [(b"", "The file is empty."), (b"x" * 101, "larger than")])
def test_a_file_that_is_empty_or_too_large_confirms_nothing(account, settings, content, words):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100
    sub_task = taken("E-1")

    with pytest.raises(Invalid, match=words) as refused:
        attest(sub_task, file=File("a.png", content))
    assert [at for at, _text in refused.value.problems] == ["/file"]
    assert (now(sub_task).status, Note.objects.count(), Evidence.objects.count()) == ("waiting", 0, 0)
    attest(sub_task, file=File("a.png", b"x" * 100))


# --- the proof of what is given up or tried again


def test_giving_up_proves_nothing_and_says_so_for_each_identifier():
    sub_task = taken("E-1", "", **attention())
    sub_task.identifiers.filter(reference="").update(outcome="not_held", held="no", assurance="confirmed")

    lifecycle.give_up(sub_task, by=person("ada"), note="They do not answer.")

    assert [use[:3] for use in said(sub_task)] == [("failed", "yes", "none"), ("not_held", "no", "confirmed")]
    assert sub_task.assurance == "none"
    details = Event.objects.get(action="sub_task.stopped").details
    assert (details["reason"], details["outcomes"]) == ("given_up", ["failed", "not_held"])


def test_a_retry_begins_anew_what_failed_and_leaves_what_the_vendor_has_taken():
    sub_task = taken("E-1", "E-2", **attention(resume_step="submit"))
    sub_task.identifiers.filter(reference="E-2").update(outcome="failed")

    lifecycle.retry(sub_task, by=person("ada"))

    assert said(sub_task) == [(*OPEN, "E-1"), ("pending", "yes", "none", "")]
    assert (sub_task.status, sub_task.assurance) == ("ready", "none")
