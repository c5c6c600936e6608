"""The box that finds a case or a person: it is posted, guesses what was typed, and keeps none of it."""

import json

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from compliance.audit.models import Event
from erasure.admin import find
from erasure.models import Case
from tests.factories import opened_case

FIND = "admin:erasure_case_find"
PERSON = [
    ("email", "ada@example.org"),
    ("phone", "+49 30 123456"),
    ("customer_id", "C-1001"),
    ("visitor_id", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"),
]


@pytest.fixture
def cases(shop) -> tuple[Case, Case]:
    return opened_case(identifiers=PERSON, external_id="crm-9"), opened_case(identifiers=[("email", "bob@example.org")])


def find_(client, text):
    return client.post(reverse(FIND), {"text": text}, follow=True)


@pytest.mark.parametrize(
    ("text", "found_as"),
    [
        (" ADA@example.org ", "email"),
        ("+4930123456", "phone"),
        ("0049 30 123456", "phone"),
        ("C-1001", "customer id"),
        ("{3F2A9C1E58B74C0D9A1F2B6E7D8C9F00}", "visitor id"),
        ("crm-9", "external id"),
    ],
)
def test_a_person_is_found_by_whatever_the_text_can_be(signed_in, cases, text, found_as):
    mine, other = cases
    answer = find_(signed_in("ann", "auditor"), text)
    html = answer.content.decode()
    assert mine.reference in html
    assert other.reference not in html
    assert [row["found_as"] for row in answer.context["found"]] == [found_as]
    assert "Shop search" in html, "how far each vendor is"
    assert "no-store" in answer["Cache-Control"]


def test_what_is_typed_stands_in_no_address_session_title_or_event(signed_in, cases):
    client = signed_in("ann", "auditor")
    before = Event.objects.count()
    answer = find_(client, "ada@example.org")
    (way, _status), *more = answer.redirect_chain
    assert not more
    assert way.startswith(f"{reverse(FIND)}?found=")
    kept = json.dumps([session.get_decoded() for session in Session.objects.all()])
    assert "ada@" not in kept
    assert "example.org" not in kept
    assert "ada@" not in answer.content.decode()
    assert Event.objects.count() == before


def test_the_way_back_to_what_was_found_needs_no_second_post(signed_in, cases):
    client = signed_in("ann", "auditor")
    way = find_(client, "ada@example.org").redirect_chain[0][0]
    assert cases[0].reference in client.get(way).content.decode()
    stranger = signed_in("olive", "intake").get(way).content.decode()
    assert cases[0].reference not in stranger
    assert "not kept any more" in stranger


def test_only_the_last_searches_are_kept(signed_in, cases, monkeypatch):
    monkeypatch.setattr(find, "KEPT", 2)
    client = signed_in("ann", "auditor")
    ways = [find_(client, "ada@example.org").redirect_chain[0][0] for _number in range(3)]
    assert ["not kept any more" in client.get(way).content.decode() for way in ways] == [True, False, False]


@pytest.mark.parametrize("text", ["{reference}", " {lower} ", "{number}"])
def test_a_reference_goes_straight_to_its_case(signed_in, cases, text):
    mine, _other = cases
    number = str(int(mine.reference[-6:]))
    written = text.format(reference=mine.reference, lower=mine.reference.lower(), number=number)
    answer = signed_in("ann", "auditor").post(reverse(FIND), {"text": written})
    assert answer["Location"] == reverse("admin:erasure_case_change", args=[mine.pk])


def test_a_number_that_is_also_somebodys_id_shows_both(signed_in, cases):
    mine, _other = cases
    theirs = opened_case(identifiers=[("customer_id", str(int(mine.reference[-6:])))])
    answer = find_(signed_in("ann", "auditor"), str(int(mine.reference[-6:])))
    found = {row["case"].reference: row["found_as"] for row in answer.context["found"]}
    assert found == {mine.reference: "reference", theirs.reference: "customer id"}


@pytest.mark.parametrize("text", ["nobody@example.org", "DSR-2026-999999", "ada", "٣", "%", "x" * 512])
def test_nobody_is_said_on_the_page_that_keeps_what_was_typed(signed_in, cases, text):
    answer = signed_in("ann", "auditor").post(reverse(FIND), {"text": text})
    assert answer.status_code == 200
    assert "Nothing found" in answer.content.decode()
    assert answer.context["box"]["text"].value() == text


@pytest.mark.parametrize("given", [{}, {"text": ""}, {"text": "x" * 600}, {"text": "a\0b"}, {"kind": "nonsense"}])
def test_what_cannot_be_looked_for_is_said_and_harms_nothing(signed_in, cases, given):
    answer = signed_in("ann", "auditor").post(reverse(FIND), given)
    assert answer.status_code == 200
    assert not Session.objects.filter(session_data__contains=find.SESSION).exists()
    assert "found" not in answer.context


def test_searching_takes_few_queries_however_many_cases_are_found(signed_in, django_assert_max_num_queries):
    for _number in range(12):
        opened_case(identifiers=PERSON)
    client = signed_in("ann", "auditor")
    with django_assert_max_num_queries(20):
        client.post(reverse(FIND), {"text": "ada@example.org"})
    with django_assert_max_num_queries(20):
        assert len(find_(client, "C-1001").context["found"]) == 12


def test_a_search_shows_no_more_than_it_keeps(signed_in, cases, monkeypatch):
    for _number in range(3):
        opened_case(identifiers=PERSON)
    monkeypatch.setattr(find, "MOST", 2)
    answer = find_(signed_in("ann", "auditor"), "C-1001")
    assert len(answer.context["found"]) == 2
    assert "More than 2 cases" in answer.content.decode()


# --- by one kind alone


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "ADA@example.org"), ("customer_id", "C-1001"), ("external id", " crm-9 ")]
)
def test_a_person_is_found_by_identifier_or_external_id_and_not_in_the_address(signed_in, kind, value):
    case, other = opened_case(external_id="crm-9"), opened_case(identifiers=[("email", "bob@example.org")])
    client = signed_in("olive", "intake")
    answer = client.post(reverse(FIND), {"kind": kind, "value": value}, follow=True)
    html = answer.content.decode()
    assert case.reference in html
    assert other.reference not in html
    assert "no-store" in answer["Cache-Control"]
    # A query in the address is not looked at.
    assert case.reference not in client.get(reverse(FIND), {"kind": kind, "value": value}).content.decode()
    assert case.reference not in client.get(reverse(FIND), {"text": value}).content.decode()


def test_what_is_not_an_identifier_is_said_at_its_field(signed_in):
    answer = signed_in("olive", "intake").post(reverse(FIND), {"kind": "email", "value": "nobody"})
    assert "It is not an e-mail address." in answer.content.decode()


def test_a_kind_alone_does_not_find_the_text_as_another_kind(signed_in, cases):
    answer = signed_in("ann", "auditor").post(reverse(FIND), {"kind": "customer_id", "value": "ada@example.org"})
    assert "Nothing found" in answer.content.decode()


def test_whoever_may_not_see_cases_finds_nobody(signed_in, cases):
    client = signed_in("vera", "vendor manager")
    assert client.get(reverse(FIND)).status_code == 403
    assert client.post(reverse(FIND), {"kind": "email", "value": "ada@example.org"}).status_code == 403
    assert client.post(reverse(FIND), {"text": "ada@example.org"}).status_code == 403
