"""The ledger of recipients on the page of a case."""

import pytest
from django.urls import reverse

from erasure import lifecycle
from erasure.models import Case, SubTask
from tests.factories import approved_case, opened_case, person, work

from .conftest import act, page

NAME = "Zoë's <b>network</b>"


def ended(**values) -> Case:
    """A case that was answered, and whose vendor was told."""
    case = approved_case(**values)
    SubTask.objects.filter(case=case).update(status="done", next_at=None, committed_at=case.created_at)
    with lifecycle.changing(case, case.opened_by) as locked:
        lifecycle.close_if_ended(locked)
    lifecycle.reply(case, by=person("olive"), channel="email")
    return case


def test_it_shows_every_recipient_with_how_it_stands(signed_in):
    case = ended()
    lifecycle.add_recipient(case, by=person("olive"), name=NAME)
    html = page(signed_in("olive", "intake"), case)
    shown = html[html.index('id="recipients"') : html.index('id="evidence"')]
    assert "Shop search" in shown
    assert "through its API" in shown
    assert "Zoë&#x27;s &lt;b&gt;network&lt;/b&gt;" in shown


def test_an_ended_case_with_an_untold_recipient_says_so_as_the_next_step_until_it_is_settled(signed_in):
    client, case = signed_in("olive", "intake"), ended()
    assert "Nothing is left to do." in page(client, case)
    added = lifecycle.add_recipient(case, by=person("olive"), name=NAME)
    text = "1 recipient of the data has not been told: tell it, or record why not."
    assert text in page(client, case)
    assert "Somebody with the role intake can do it." in page(signed_in("ada", "approver"), case)
    client = signed_in("olive", "intake")
    act(client, case, "not_told", recipient=str(added.pk), why="impossible", note="No address.")
    assert "Nothing is left to do." in page(client, case)


def test_a_vendor_that_could_not_be_told_is_offered_and_one_that_was_told_is_not(signed_in):
    case = approved_case(identifiers=[("email", "ada@example.org")])
    lifecycle.give_up(_stuck(case), by=person("ada"), note="Bankrupt.")
    html = page(signed_in("olive", "intake"), case)
    assert 'value="shop-search"' in html[html.index('id="told_recipient-case"') :]
    html = page(signed_in("olive", "intake"), ended())
    assert 'id="told_recipient-case"' not in html


def _stuck(case: Case) -> SubTask:
    found = work(case)
    stuck = {"status": "needs_attention", "attention_code": "refused", "next_at": None}
    SubTask.objects.filter(pk=found.pk).update(**stuck)
    found.refresh_from_db()
    return found


def test_the_list_for_the_person_is_a_pdf_in_the_language_that_was_chosen(signed_in):
    case = opened_case(requester={"language": "de"})
    client = signed_in("olive", "intake")
    answer = client.get(reverse("admin:erasure_case_recipients", args=[case.pk]), {"language": "en-gb"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{case.reference}-recipients.pdf"'
    assert "no-store" in answer["Cache-Control"]
    assert answer.content.startswith(b"%PDF")
    german = client.get(reverse("admin:erasure_case_recipients", args=[case.pk]))
    assert german.content != answer.content
    assert client.post(reverse("admin:erasure_case_recipients", args=[case.pk])).status_code == 405


def test_a_draft_has_no_line_and_none_but_an_erasure_or_a_restriction_asks_for_one(signed_in):
    client = signed_in("olive", "intake")
    assert "the vendors of an approved plan come here by themselves" in page(client, opened_case())
    assert 'id="recipients"' not in page(client, opened_case(kind="export"))


@pytest.mark.parametrize("kind", ["export", "lift_restriction"])
def test_an_export_tells_nobody(signed_in, kind):
    assert "Nothing is left to do." in page(signed_in("olive", "intake"), ended(kind=kind))
