"""The ledger of recipients: whoever has the data is in it, and how it stands with them is true."""

from datetime import UTC, date, datetime

import pytest

from erasure import lifecycle, recipients
from erasure.models import Case, SubTask
from erasure.recipients import Line, Standing
from erasure.states import Assurance, Held, Kind, Outcome, SubTaskStatus
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def two_vendors(turn_clock):
    turn_clock(NOON)
    vendor("Shop search")
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})


def line(case: Case, name: str = "Shop search") -> Line:
    found = recipients.lines(Case.objects.get(pk=case.pk))
    return next(item for item in found if item.name == name)


def sent(case: Case, assurance: Assurance, status: str = SubTaskStatus.WAITING, **fields: object) -> None:
    """What a worker leaves behind that has asked the vendor to erase."""
    item = work(case)
    ended = {"ended_at": NOON, "next_at": None} if status in ("done", "stopped") else {"next_at": NOON}
    changes = {"status": status, "sent_at": NOON, "committed_at": NOON, "assurance": assurance, **ended, **fields}
    SubTask.objects.filter(pk=item.pk).update(**changes)
    item.identifiers.update(assurance=assurance)


def test_the_vendors_of_a_case_are_in_it_by_themselves_before_further_recipients():
    case = approved_case()
    lifecycle.add_recipient(case, by=person("olive"), name="An auditor")
    assert [item.name for item in recipients.lines(case)] == ["Paper archive", "Shop search", "An auditor"]


def test_a_vendor_is_under_way_until_its_answer_says_that_it_was_told():
    case = approved_case()
    assert line(case).standing == Standing.UNDER_WAY
    sent(case, Assurance.NONE)
    assert line(case).standing == Standing.UNDER_WAY
    sent(case, Assurance.SUBMITTED)
    told = line(case)
    assert (told.standing, told.told_on, told.how) == (Standing.TOLD, date(2026, 9, 1), "through its API")
    assert told.confirmed_on is None


@pytest.mark.parametrize(
    ("assurance", "confirmed"),
    [
        (Assurance.ACCEPTED, None),
        (Assurance.CONFIRMED, date(2026, 9, 1)),
        (Assurance.ASKED_AGAIN, date(2026, 9, 1)),
    ],
)
def test_it_is_confirmed_only_by_proof(assurance, confirmed):
    case = approved_case()
    sent(case, assurance, SubTaskStatus.DONE)
    assert line(case).confirmed_on == confirmed


def test_a_call_that_was_never_answered_tells_nobody():
    case = approved_case()
    sent(case, Assurance.NONE, SubTaskStatus.STOPPED)
    assert line(case).is_open
    assert line(case).why_not == "Whether it came there is not known."


def test_work_that_a_person_did_tells_the_vendor_on_that_day():
    case = approved_case()
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="Shredded.", held=Held.YES)
    told = line(case, "Paper archive")
    assert (told.standing, told.told_on, told.how) == (Standing.TOLD, date(2026, 9, 1), "by a member of staff")
    assert told.confirmed_on == date(2026, 9, 1)


def test_a_vendor_at_which_nobody_was_found_has_nothing_to_be_told_of():
    case = approved_case(identifiers=[("email", "ada@example.org")])
    lifecycle.searched(work(case), by=person("ada"), note="Looked in the shop.")
    found = line(case)
    assert (found.standing, found.why_not) == (Standing.NOT_HELD, "Searched by hand, none found.")


def test_work_that_was_given_up_is_open_with_its_reason_until_people_complete_it():
    case = approved_case(identifiers=[("email", "ada@example.org")])
    lifecycle.searched(work(case), by=person("ada"), note="Looked in the shop.")
    lifecycle.give_up(work(case, "Paper archive"), by=person("ada"), note="The archive burned down.")
    found = line(case, "Paper archive")
    assert (found.is_open, found.why_not, found.justified) == (True, "Given up by hand.", False)

    lifecycle.not_told(case, by=person("ada"), recipient=found.key, why="impossible", note="It burned down.")
    found = line(case, "Paper archive")
    assert (found.standing, found.why_not, found.justified) == (Standing.EXCUSED, "it is impossible", True)

    lifecycle.told_recipient(case, by=person("ada"), recipient=found.key, channel="letter")
    assert line(case, "Paper archive").how == "letter"


def test_a_proposal_that_awaits_its_approval_tells_of_no_recipient():
    assert recipients.lines(opened_case(submit=True)) == []


@pytest.mark.parametrize("kind", Kind)
def test_only_an_erasure_and_a_restriction_have_to_be_told(kind):
    case = approved_case(kind=kind)
    lifecycle.add_recipient(case, by=person("olive"), name="An auditor")
    assert line(case, "An auditor").is_open == (kind in ("erasure", "restriction"))


def test_a_request_that_was_refused_has_to_be_told_to_nobody():
    case = opened_case(submit=True)
    lifecycle.add_recipient(case, by=person("olive"), name="An auditor")
    assert line(case, "An auditor").standing == Standing.UNDER_WAY
    lifecycle.reject(case, by=person("ada"), ground="legal_claims")
    assert line(case, "An auditor").standing == Standing.NOT_OWED


def test_a_vendor_for_which_the_request_was_refused_need_not_be_told_and_that_is_why():
    case = approved_case()
    lifecycle.refuse_work(work(case), by=person("ada"), ground="legal_obligation")
    found = line(case)
    assert (found.standing, found.told_on, found.is_open) == (Standing.EXCUSED, None, False)
    assert found.why_not == "the request was refused for it (a legal obligation to keep the data)"

    lifecycle.told_recipient(case, by=person("ada"), recipient=found.key, channel="letter")
    assert line(case).standing == Standing.TOLD


def test_a_part_that_failed_beside_one_that_went_through_leaves_the_vendor_told():
    case = approved_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2")])
    sent(case, Assurance.CONFIRMED, SubTaskStatus.STOPPED)
    first = work(case).identifiers.first()
    first.assurance, first.outcome = Assurance.NONE, Outcome.FAILED
    first.save()
    assert line(case).standing == Standing.TOLD
    assert line(case).confirmed_on is None


def test_what_is_prefetched_is_not_fetched_again(django_assert_num_queries):
    lifecycle.add_recipient(approved_case(), by=person("olive"), name="An auditor")
    fetched = Case.objects.select_related("data_key").prefetch_related(
        "recipients", "sub_tasks__vendor", "sub_tasks__revision", "sub_tasks__identifiers"
    )
    case = fetched.get()
    with django_assert_num_queries(0):
        assert len(recipients.lines(case)) == 3


def test_handing_over_a_copy_tells_nobody_to_erase():
    case = approved_case(kind=Kind.EXPORT)
    SubTask.objects.filter(pk=work(case).pk).update(status="done", next_at=None, ended_at=NOON)
    work(case).identifiers.update(outcome=Outcome.EXPORTED, assurance=Assurance.CONFIRMED)
    assert (line(case).standing, line(case).told_on) == (Standing.NOT_OWED, None)
