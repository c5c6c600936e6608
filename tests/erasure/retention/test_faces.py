"""A case whose personal data was destroyed, on every face: clear words, and nothing that breaks."""

from dataclasses import replace

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from compliance import clock
from erasure import lifecycle, retention
from erasure.models import Case
from erasure.reports.certificate import issue
from tests.erasure.api.conftest import as_account
from tests.factories import person, vendor, work

from .made import anew, asked_for, cancelled_case, ended_case, rejected_case, shredded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(person("root", is_superuser=True))
    return client


def full() -> Case:
    """A destroyed case with some of everything."""
    vendor("Paper archive", "manual")
    case = ended_case(requester={"name": "Ada Lovelace", "reply_to": "ada@example.org"}, external_id="crm-1")
    lifecycle.add_recipient(case, by=person("olive"), name="Doctor Byron")
    return shredded(case)


def test_the_page_says_when_and_why_and_offers_nothing_that_changes_it(root: Client) -> None:
    case = full()
    html = root.get(reverse("admin:erasure_case_change", args=[case.pk])).content.decode()
    assert "The personal data was destroyed on" in html and "the time for keeping it was over" in html
    assert "Backups that were made before" in html
    assert "Nothing is left to do." in html and "stays on record" in html
    assert "personal data destroyed" in html
    for gone in ("/act/", "/reveal/", "/letter/", "/certificate/", "Check the key ring", "cannot be opened"):
        assert gone not in html, gone
    assert "/pack/" in html, "an authority may still ask"


def test_by_hand_it_names_both_people(root: Client) -> None:
    case = asked_for(ended_case())
    retention.approve(case, by=person("ada", "approver"))
    html = root.get(reverse("admin:erasure_case_change", args=[case.pk])).content.decode()
    assert "olive asked for it, ada approved it" in html


def page(client: Client, case: Case) -> str:
    return client.get(reverse("admin:erasure_case_change", args=[case.pk])).content.decode()


def test_before_it_the_page_says_when_and_by_which_rule(root: Client) -> None:
    case = rejected_case()
    retention.give_dates()
    html = page(root, case)
    assert "The personal data will be destroyed on" in html and "a request that was refused" in html


def test_it_says_so_at_once_not_only_when_the_worker_has_given_the_date() -> None:
    case = rejected_case()
    before = retention.told(anew(case))
    retention.give_dates()
    assert before == retention.told(anew(case)) and len(before) == 1


def test_what_is_never_destroyed_by_itself_says_so(settings) -> None:
    settings.RETENTION = {law: replace(keeping, answered_months=0) for law, keeping in settings.RETENTION.items()}
    assert retention.told(ended_case()) == ["The personal data is not destroyed by itself: somebody has to ask for it."]


def test_an_ended_case_whose_data_stays_says_why() -> None:
    assert retention.told(rejected_case(answered=False)) == [
        "The personal data is kept for now. The person has not been answered. Answer them, and record the reply first."
    ]
    held = rejected_case()
    lifecycle.hold(held, by=person("ada", "approver"))
    assert "on hold" in retention.told(anew(held))[0]


def test_of_a_destroyed_case_nothing_untrue_is_said_of_its_plan_or_of_roles(root: Client) -> None:
    html = page(root, full())
    assert "What was approved can no longer be shown: the personal data was destroyed." in html
    for untrue in ("the account has changed since", "nothing is sent by the desk", "that your roles allow"):
        assert untrue not in html, untrue
    assert "List for the person" not in html, "there is nobody to give it to"


def test_the_schedule_stands_in_the_timeline_in_words(root: Client) -> None:
    html = page(root, full())
    assert "system:" not in html.partition("case-entries")[2] and "schedule</span>" in html


def test_whoever_searches_in_vain_is_told_of_destroyed_cases(root: Client) -> None:
    full()
    html = root.post(reverse("admin:erasure_case_find"), {"text": "ada@example.org"}).content.decode()
    assert "A case whose personal data was destroyed is found by its reference alone." in html


def test_every_list_search_and_page_shows_it_without_breaking(root: Client) -> None:
    case = full()
    sub_task = work(case)
    asked = {
        reverse("admin:erasure_case_changelist"): {},
        reverse("admin:erasure_case_changelist") + "?queue=destroyed-soon": {},
        reverse("admin:erasure_case_change", args=[case.pk]): {},
        reverse("admin:erasure_case_live", args=[case.pk]): {},
        reverse("admin:erasure_subtask_changelist"): {},
        reverse("admin:erasure_subtask_change", args=[sub_task.pk]): {},
        reverse("admin:erasure_evidence_changelist"): {},
        reverse("admin:erasure_vendor_change", args=[sub_task.vendor_id]): {},
        reverse("admin:index"): {},
    }
    for address, query in asked.items():
        assert root.get(address, query).status_code == 200, address
    letter = root.get(reverse("admin:erasure_case_letter", args=[case.pk]), follow=True)
    assert "there is nobody to write to" in letter.content.decode()
    revealed = root.post(reverse("admin:erasure_case_reveal", args=[case.pk]), {"reason": "Curious."}, follow=True)
    assert revealed.status_code == 200 and "Ada Lovelace" not in revealed.content.decode()
    certificate = root.post(reverse("admin:erasure_case_certificate", args=[case.pk]), follow=True)
    assert certificate.status_code == 200
    found = root.post(reverse("admin:erasure_case_find"), {"text": "ada@example.org"}, follow=True).content.decode()
    assert case.reference not in found


def test_the_api_shows_it_and_every_part_of_it_still_answers() -> None:
    case = full()
    crm = as_account("crm")
    for path in ("", "plan/"):
        answer = crm.get(f"/api/v1/cases/{case.reference}/{path}")
        assert answer.status_code == 200, answer.content
    assert crm.get("/api/v1/cases/").status_code == 200
    searched = crm.post("/api/v1/cases/search/", {"identifier": {"kind": "email", "value": "ada@example.org"}})
    assert searched.json()["results"] == []
    letter = crm.post(f"/api/v1/cases/{case.reference}/letters/", {"kind": "completion", "channel": "email"})
    assert (letter.status_code, letter.json()["type"]) == (409, "/problems/destroyed")


def test_no_certificate_can_be_made_of_it_and_it_is_said_so() -> None:
    from erasure.errors import Conflict

    with pytest.raises(Conflict) as refused:
        issue(full(), by=person("olive"))
    assert refused.value.code == "destroyed"


def test_the_register_says_when(tmp_path) -> None:
    case = full()
    call_command("export_register", "--out", str(tmp_path / "register.csv"))
    header, line = (tmp_path / "register.csv").read_text().splitlines()
    assert header.endswith("personal_data_destroyed_at")
    assert line.endswith(f"{case.shredded_at:%Y-%m-%dT%H:%M:%SZ}")


def test_an_ended_case_can_be_put_on_hold_from_its_queue_and_keeps_its_data(root: Client) -> None:
    case = cancelled_case()
    Case.objects.filter(pk=case.pk).update(shred_at=clock.today())
    listed = root.get(reverse("admin:erasure_case_changelist"), {"queue": "destroyed-soon"}).content.decode()
    assert case.reference in listed
    root.post(reverse("admin:erasure_case_act", args=[case.pk, "hold"]), {"note": "A claim was announced."})
    html = root.get(reverse("admin:erasure_case_change", args=[case.pk])).content.decode()
    assert "its personal data is kept until it is released" in html
    assert retention.sweep() == 0
    assert not anew(case).shredded_at


def test_the_page_of_a_destroyed_case_takes_no_more_queries(root: Client, django_assert_max_num_queries) -> None:
    case = full()
    root.get(reverse("admin:erasure_case_change", args=[case.pk]))
    with django_assert_max_num_queries(20):
        root.get(reverse("admin:erasure_case_change", args=[case.pk]))


def test_bulk_work_skips_it_and_says_why(root: Client) -> None:
    case = full()
    chosen = {"action": "hold_cases", "_selected_action": str(case.pk), "index": "0"}
    html = root.post(reverse("admin:erasure_case_changelist"), chosen, follow=True).content.decode()
    assert "The personal data of this case was destroyed." in html
