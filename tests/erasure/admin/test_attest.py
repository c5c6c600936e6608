"""Confirming by hand: with a file, one part or all that share a vendor's reference, from the case or from the list."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from compliance import clock
from compliance.audit.models import Event
from erasure import evidence, lifecycle
from erasure.models import Call, CallSubTask, Evidence, SubTask
from tests.erasure.taken import cdp, said, taken
from tests.factories import approved_case, person, vendor, work

from .conftest import act, page, told

PICTURE = b"\x89PNG the vendor's screen says completed"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def account(db, settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path
    return cdp()


def screen(content=PICTURE):
    return SimpleUploadedFile("Ada Lovelace.png", content, "image/png")


def now(sub_task):
    return SubTask.objects.get(pk=sub_task.pk)


def words(html):
    """The page's text."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def row(client, sub_task):
    """The vendor's part on the page of its case."""
    html = page(client, sub_task.case)
    start = html.index(f' id="work-{sub_task.pk}"')
    return html[start : html.index("</article>", start)]


# --- the page of a case


def test_each_identifier_tells_its_outcome_proof_and_reference(signed_in):
    sub_task = taken("E-1", "")
    sub_task.identifiers.filter(reference="").update(outcome="not_held", held="no", assurance="confirmed")

    shown = words(row(signed_in("ann", "auditor"), sub_task))
    assert "pending held: yes · proof: accepted by the vendor · vendor reference E-1" in shown
    assert "not held held: no · proof: confirmed" in shown


def test_one_part_or_all_that_share_its_reference_can_be_confirmed(signed_in):
    taken("E-1"), taken("E-1"), taken("E-2")
    sub_task = taken("E-1")

    html = row(signed_in("mia", "intake"), sub_task)
    assert "<summary>Confirm this one by hand</summary>" in html
    assert "<summary>Confirm all 3 cases that share E-1</summary>" in html
    assert html.count('enctype="multipart/form-data"') == 2


def test_a_part_that_holds_several_references_lets_choose(signed_in):
    taken("E-2"), taken("E-2")
    sub_task = taken("E-1", "E-2")
    client = signed_in("mia", "intake")

    html = row(client, sub_task)
    assert "<summary>Confirm all that share a vendor reference</summary>" in html
    assert '<option value="E-1">E-1: 1 case</option>' in html
    assert '<option value="E-2">E-2: 3 cases</option>' in html
    answer = act(client, sub_task, "attest_shared", reference="E-2", note="Completed.")
    assert told(answer) == ["Confirmed by hand in 3 cases. 1 of these parts goes on: it holds more than was confirmed."]
    assert [use[0] for use in said(sub_task)] == ["pending", "erased"]
    assert "<summary>Confirm this one by hand</summary>" in row(client, sub_task)
    answer = act(client, sub_task, "attest_shared", reference="E-3", note="Completed.")
    assert answer.status_code == 422
    assert [use[0] for use in said(sub_task)] == ["pending", "erased"]


def test_a_reference_that_only_this_case_has_is_confirmed_with_the_part_itself(signed_in):
    sub_task = taken("E-1", "E-1")

    html = row(signed_in("mia", "intake"), sub_task)
    assert "Confirm this one by hand" in html
    assert "that share" not in html


@pytest.mark.parametrize("fields", [{"step": "submit"}, {"step": "ask_again"}])
def test_a_part_that_is_not_the_turn_of_a_person_offers_no_confirmation_of_the_whole(signed_in, fields):
    taken("E-1")
    html = row(signed_in("mia", "intake"), taken("E-1", **fields))
    assert "Confirm this one by hand" not in html
    assert "Confirm all 2 cases that share E-1" in html


def test_nothing_can_be_confirmed_on_a_case_that_is_held_or_has_ended(signed_in):
    taken("E-1")
    held, ended = taken("E-1"), taken("E-1")
    lifecycle.hold(held.case, by=person("ada"))
    lifecycle.attest(ended, by=person("olive"), note="Seen.")

    client = signed_in("mia", "intake")
    for sub_task in (held, ended):
        assert "<summary>Confirm" not in row(client, sub_task)


def test_a_vendor_that_acts_unasked_has_no_step_to_follow(signed_in):
    sub_task, at = taken("E-1"), clock.now()
    call = Call.objects.create(
        vendor=sub_task.vendor,
        step="submit",
        writes=True,
        started_at=at,
        lease_until=at,
        finished_at=at,
        verdict="ok",
    )
    CallSubTask.objects.create(call=call, sub_task=sub_task, epoch=1)

    html = row(signed_in("ann", "auditor"), sub_task)
    assert "ask for the erasure done" in words(html)
    assert "wait until the vendor acts now" in words(html)
    assert 'class="desk-now"' in html
    assert 'class="desk-next"' not in html


def test_a_confirmation_by_reference_tells_how_many_are_left_out_because_they_are_on_hold(signed_in, account):
    taken("E-1"), taken("E-1")
    mine, held = taken("E-1"), taken("E-1")
    lifecycle.hold(held.case, by=person("ada"))
    client = signed_in("mia", "intake")
    said = "1 case with this reference is on hold and left out: confirm it once it is released."

    assert "on hold, left out: 1" in words(listed(client).content.decode())
    shown = words(client.get(address(account)).content.decode())
    assert said in shown
    assert "3 cases" in shown
    assert held.case.reference not in shown
    answer = act(client, mine, "attest_shared", reference="E-1", note="Completed.")
    assert told(answer) == [f"Confirmed by hand in 3 cases. {said}"]
    answer = client.post(address(account), {"note": "Completed."})
    assert told(answer)[1:] == [
        "Every case with this reference is on hold. Nothing was done. Release a case to confirm it."
    ]
    assert now(held).status == "waiting"


@pytest.mark.parametrize(
    ("given", "outcome"), [({}, "erased"), ({"held": "yes"}, "erased"), ({"held": "no"}, "not_held")]
)
def test_a_person_may_say_whether_data_was_held(signed_in, given, outcome):
    vendor("Paper archive", "manual")
    sub_task = work(approved_case(), "Paper archive")
    client = signed_in("mia", "intake")

    html = row(client, sub_task)
    assert re.search(r'name="held" value="unknown"[^>]* checked', html)
    act(client, sub_task, "attest", note="Shredded.", **given)
    assert said(sub_task) == [(outcome, given.get("held", "unknown"), "confirmed", "")]


def test_what_the_vendor_held_cannot_be_denied_and_what_was_typed_stays(signed_in):
    sub_task = taken("E-1")
    client = signed_in("mia", "intake")

    answer = act(client, sub_task, "attest", note="Nothing there.", held="no")
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "The vendor itself said that it held data of this person." in html
    assert re.search(r'name="held" value="no"[^>]* checked', html)
    assert now(sub_task).status == "waiting"
    assert 'value="no"' not in client.get(address(sub_task.vendor)).content.decode(), "not for a whole reference"
    assert act(client, sub_task, "attest_shared", reference="E-1", note="x", held="no").status_code == 422


# --- the file


def test_a_file_is_kept_sealed_and_told_by_whom(signed_in):
    vendor("Paper archive", "manual")
    sub_task = work(approved_case(), "Paper archive")
    client = signed_in("mia", "intake")

    answer = act(client, sub_task, "attest", note="Shredded.", file=screen())

    assert told(answer) == ["Confirmed by hand."]
    item = Evidence.objects.get()
    assert (item.sub_task, item.kind, item.size) == (sub_task, "attestation", len(PICTURE))
    with evidence.open_evidence(item) as stream:
        assert stream.read() == PICTURE
    assert Event.objects.get(action="evidence.stored").actor == f"user:{person('mia').pk}"
    html = page(client, sub_task.case)
    assert item.name in html
    assert "Lovelace" not in html


def test_without_a_file_a_confirmation_is_as_good(signed_in):
    sub_task = taken("E-1")
    act(signed_in("mia", "intake"), sub_task, "attest", note="Seen.", file="")
    assert now(sub_task).status == "done"
    assert not Evidence.objects.exists()


@pytest.mark.parametrize("deed", ["attest", "attest_shared"])
@pytest.mark.parametrize(
    ("content", "why"),
    [(b"x" * (5 * MIB + 1), "The file is larger than 5 MiB. Nothing was done."), (b"", "The submitted file is empty.")],
)
def test_a_file_that_is_too_large_or_empty_is_refused_in_words_and_confirms_nothing(signed_in, deed, content, why):
    taken("E-1")
    sub_task = taken("E-1")

    answer = act(signed_in("mia", "intake"), sub_task, deed, reference="E-1", note="Seen it.", file=screen(content))

    html = unescape(answer.content.decode())
    assert answer.status_code == 422
    form = html[html.index(f'id="{deed}-{sub_task.pk}" open') :]
    form = form[: form.index("</details>")]
    assert why in form
    assert "Seen it." in form
    assert (now(sub_task).status, Evidence.objects.count()) == ("waiting", 0)


def test_nobody_fills_the_memory_with_files_either(signed_in):
    sub_task = taken("E-1")
    answer = act(signed_in("mia", "intake"), sub_task, "attest", note="Seen.", file=screen(), other=screen())
    assert answer.status_code == 400
    assert now(sub_task).status == "waiting"


# --- from the list of vendor work


def listed(client):
    return client.get(reverse("admin:erasure_subtask_references"))


def address(account, reference="E-1"):
    return reverse("admin:erasure_subtask_reference", args=[account.pk]) + f"?reference={reference}"


def test_what_awaits_confirmation_is_listed_by_vendor_reference(signed_in, account):
    taken("E-1"), taken("E-1", status="awaiting_attestation"), taken("E-1", "E/2 ü", "")
    taken("E-9", step="submit")
    lifecycle.attest(taken("E-8"), by=person("olive"), note="Seen.")
    client = signed_in("ann", "auditor")

    html = listed(client).content.decode()
    assert re.findall(r"<code>(.*?)</code>", html) == ["E-1", "E/2 ü"]
    assert "CDP 3 vendor still acting: 2" in words(html)
    found = [unescape(link) for link in re.findall(r'<a href="([^"]*\?reference=[^"]*)"', html)]
    assert found[0] == address(account)
    assert "E/2 ü" in words(client.get(found[1]).content.decode())
    assert (
        reverse("admin:erasure_subtask_references")
        in client.get(reverse("admin:erasure_subtask_changelist")).content.decode()
    )


def test_the_list_takes_as_many_queries_however_much_is_in_it(
    signed_in, account, django_assert_max_num_queries, django_assert_num_queries
):
    client = signed_in("ann", "auditor")
    taken("E-1")
    listed(client)
    with django_assert_max_num_queries(20) as few:
        listed(client)
    for number in range(4):
        taken("E-1", f"F-{number}")
    with django_assert_num_queries(len(few)):
        listed(client)


def test_all_of_a_reference_are_confirmed_from_the_list(signed_in, account):
    first, second, mixed, other = taken("E-1"), taken("E-1"), taken("E-1", "E-2"), taken("E-3")
    client = signed_in("mia", "intake")

    html = client.get(address(account)).content.decode()
    for sub_task in (first, second, mixed):
        assert sub_task.case.reference in html
    assert other.case.reference not in html
    assert 'value="Confirm all 3 cases"' in html
    answer = client.post(address(account), {"note": "Completed.", "file": screen()})

    assert answer.url == reverse("admin:erasure_subtask_references")
    assert told(answer)[0].startswith("Confirmed by hand in 3 cases.")
    assert [now(sub_task).status for sub_task in (first, second, mixed, other)] == [
        "done",
        "done",
        "waiting",
        "waiting",
    ]
    assert Evidence.objects.count() == 3
    assert "Nothing of this vendor waits under this reference." in words(client.get(address(account)).content.decode())


@pytest.mark.parametrize("given", [{"note": ""}, {"note": "a\x00b"}, {}])
def test_without_a_note_nothing_is_confirmed_from_the_list(signed_in, account, given):
    sub_task = taken("E-1")
    answer = signed_in("mia", "intake").post(address(account), given | {"file": screen()})
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.content.decode()
    assert (now(sub_task).status, Evidence.objects.count()) == ("waiting", 0)


@pytest.mark.parametrize("reference", ["E-2", "", "a%00b"])
def test_a_reference_that_nothing_waits_under_is_told_so(signed_in, account, reference):
    sub_task, client = taken("E-1"), signed_in("mia", "intake")
    assert "Nothing of this vendor waits" in client.get(address(account, reference)).content.decode()
    answer = client.post(address(account, reference), {"note": "Completed."})
    assert told(answer) == ["This vendor work does not wait for a confirmation by hand."]
    assert now(sub_task).status == "waiting"


def test_who_may_not_sees_no_form_and_a_forged_post_is_refused(signed_in, account):
    sub_task = taken("E-1")
    auditor, manager = signed_in("ann", "auditor"), signed_in("vic", "vendor manager")
    html = auditor.get(address(account)).content.decode()
    assert "Somebody with the role intake or approver can confirm it." in html
    assert 'name="note"' not in html
    assert auditor.post(address(account), {"note": "Completed."}).status_code == 403
    assert manager.get(address(account)).status_code == listed(manager).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("mia", "intake"))
    assert strict.post(address(account), {"note": "Completed.", "file": screen()}).status_code == 403
    assert now(sub_task).status == "waiting"
