"""Who the person is: checked, on record, and known before an approval where it has to be."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from compliance.audit.models import Event
from compliance.deadlines import adjusted
from erasure import evidence, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Note
from tests.factories import approve, opened_case, person, vendor

pytestmark = pytest.mark.django_db
PROVEN = {"method": "contact", "result": "proven"}
REQUIRED = override_settings(REGIMES=adjusted({"gdpr": {"identity": "required"}}))


@pytest.fixture(autouse=True)
def shop():
    vendor()


def refused(case: Case) -> str:
    with pytest.raises(Conflict) as told:
        approve(case)
    assert Case.objects.get(pk=case.pk).status == "awaiting_approval"
    return told.value.code


def test_a_check_says_how_by_whom_and_with_what_result_and_keeps_what_was_seen_sealed(settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    case = opened_case(submit=True)
    seen = evidence.File("Ada Lovelace passport.png", b"a picture of a document")
    lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", note="Valid.", file=seen)

    case = Case.objects.get(pk=case.pk)
    assert (case.identity_method, case.identity_result) == ("document", "proven")
    assert case.identity_checked_by.username == "olive"
    kept = case.evidence.get()
    assert evidence.open_evidence(kept).read() == b"a picture of a document"
    assert kept.name.startswith("identity-")
    assert kept.name.endswith(".png")
    told = Event.objects.get(action="case.identity_checked")
    assert (told.details["method"], told.details["result"]) == ("document", "proven")
    assert told.details["evidence"] == f"evidence:{kept.pk}"
    assert Note.objects.get(case=case).about == "identity"
    assert "Ada" not in told.canonical


def test_without_a_rule_for_it_nothing_waits_for_a_check():
    approve(opened_case(submit=True))


@REQUIRED
def test_where_the_law_requires_it_a_plan_is_approved_only_once_the_check_has_proven_who_it_is():
    case = opened_case(submit=True)
    assert refused(case) == "identity_not_proven"
    lifecycle.check_identity(case, by=person("olive"), method="details", result="not_proven")
    assert refused(case) == "identity_not_proven"
    lifecycle.check_identity(case, by=person("olive"), **PROVEN)
    approve(case)


def test_a_check_that_failed_stands_in_the_way_under_every_law_until_another_succeeds():
    case = opened_case(submit=True)
    lifecycle.check_identity(case, by=person("olive"), method="details", result="not_proven")
    assert refused(case) == "identity_not_proven"
    lifecycle.check_identity(case, by=person("olive"), **PROVEN)
    approve(case)


def test_nothing_is_approved_while_the_person_is_asked_who_they_are():
    case = opened_case(submit=True)
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    assert refused(case) == "identity_not_proven"
    lifecycle.answered(case, by=person("olive"), reason="identity")
    approve(case)


def test_a_check_ends_what_was_asked_before_it_and_a_doubt_that_comes_later_waits_for_its_answer(turn_clock):
    turn_clock(datetime(2026, 9, 1, 12, tzinfo=UTC))
    case = opened_case(submit=True, received_at=datetime(2026, 9, 1, 12, tzinfo=UTC))
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    lifecycle.check_identity(case, by=person("olive"), **PROVEN)
    assert lifecycle.why_not_identified(Case.objects.get(pk=case.pk)) is None
    lifecycle.answered(case, by=person("olive"), reason="identity")
    turn_clock(timedelta(days=1))
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    assert refused(case) == "identity_not_proven"
    lifecycle.check_identity(case, by=person("olive"), **PROVEN)
    approve(case)


def test_asking_what_they_want_stands_in_nobodys_way():
    case = opened_case(submit=True)
    lifecycle.ask(case, by=person("olive"), reason="clarification", channel="email")
    approve(case)


@pytest.mark.parametrize("wrong", [{"method": "guess"}, {"result": "perhaps"}])
def test_it_takes_a_method_and_a_result_of_the_lists(wrong):
    with pytest.raises(Invalid):
        lifecycle.check_identity(opened_case(), by=person("olive"), **{**PROVEN, **wrong})
    assert not Case.objects.get().identity_result


def test_the_laws_that_ask_for_it_advise_it_until_a_check_is_there():
    case = opened_case(regime="ccpa")
    assert lifecycle.advises_check(case)
    lifecycle.check_identity(case, by=person("olive"), **PROVEN)
    assert not lifecycle.advises_check(Case.objects.get(pk=case.pk))
    assert not lifecycle.advises_check(opened_case(identifiers=[("email", "b@example.org")]))


def test_a_case_that_has_ended_takes_no_check():
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    with pytest.raises(Conflict):
        lifecycle.check_identity(case, by=person("olive"), **PROVEN)
