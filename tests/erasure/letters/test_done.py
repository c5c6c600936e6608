"""What a reply tells of each vendor."""

from datetime import UTC, datetime
from typing import Any

import pytest

from erasure import letters, lifecycle
from erasure.letters import done
from erasure.letters.values import language_of
from erasure.models import Case, SubTask
from tests import factories

from .conftest import PERSON, case_of


@pytest.fixture
def case(olive: Any) -> Case:
    factories.vendor("CDP", "acquia")
    factories.vendor("Paper archive", "manual")
    return factories.approved_case(requester=PERSON)


def set_to(case: Case, vendor: str, status: str, *outcomes: str, held: str = "yes", **fields: Any) -> None:
    """Gives a vendor's part that status, and its identifiers these outcomes in turn."""
    sub_task = factories.work(case, vendor)
    SubTask.objects.filter(pk=sub_task.pk).update(status=status, next_at=None, **fields)
    for use, outcome in zip(sub_task.identifiers.order_by("id"), outcomes, strict=True):
        sub_task.identifiers.filter(pk=use.pk).update(outcome=outcome, held=held)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("erased", "the data was erased"),
        ("not_held", "nothing is held there any more"),
        ("restricted", "no longer used"),
        ("unrestricted", "restriction was lifted"),
        ("exported", "the data was collected"),
        ("processed", "what you asked for was done"),
    ],
)
def test_what_was_done(case, outcome, said):
    set_to(case, "Shop search", "done", outcome)
    (line,) = done.of(case).done
    assert line.startswith("Shop search: ")
    assert said in line


@pytest.mark.parametrize(
    ("outcome", "held", "said"),
    [
        ("erased", "unknown", "the data was erased, if there was any."),
        ("erased", "no", "it was searched, and nothing was found."),
        ("restricted", "unknown", "the data, if there is any, is kept and no longer used."),
        ("restricted", "no", "it was searched, and nothing was found."),
        ("exported", "unknown", "the data, if there was any, was collected; you receive it apart from this letter."),
        ("exported", "no", "it was searched, and nothing was found."),
        ("unrestricted", "no", "the restriction was lifted."),
        ("processed", "unknown", "what you asked for was done."),
        ("not_held", "unknown", "it was searched, and nothing was found."),
        ("not_held", "yes", "nothing is held there any more."),
    ],
)
def test_no_more_is_told_than_the_certificate_tells_of_what_was_held(case, outcome, held, said):
    set_to(case, "Shop search", "done", outcome, held=held)
    assert done.of(case).done == [f"Shop search: {said}"]


@pytest.mark.parametrize("status", ["done", "stopped"])
@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ("failed", "it failed there"),
        ("refused", "it was refused there"),
        ("pending", "we could not have it done there"),
    ],
)
def test_what_ended_without_being_done_is_told_with_its_reason(case, status, outcome, why):
    set_to(case, "Shop search", status, outcome, reason="given_up" if status == "stopped" else "")
    told = done.of(case)
    assert told.done == []
    assert told.not_done == [f"Shop search: {why}."]


def test_what_was_done_for_a_part_is_told_as_both(olive):
    factories.vendor("Exchange", "acoustic")
    case = factories.approved_case(identifiers=[("email", "a@example.org"), ("phone", "+49 30 123456")])
    set_to(case, "Exchange", "done", "erased", "failed")
    told = done.of(case)
    assert told.done == ["Exchange: the data was erased."]
    assert told.not_done == ["Exchange: a part of it failed there."]


def test_what_is_under_way_and_until_when(case):
    SubTask.objects.filter(vendor__name="CDP").update(expected_at=datetime(2026, 12, 14, 12, tzinfo=UTC))
    assert done.of(case).under_way == [
        "CDP: under way, to be done by 14 December 2026.",
        "Paper archive: under way.",
        "Shop search: under way.",
    ]


def test_what_was_stopped_and_why(case):
    set_to(case, "CDP", "stopped", "pending", reason="stopped_before_sending")
    set_to(case, "Shop search", "stopped", "pending", reason="given_up")
    assert done.of(case).not_done == [
        "CDP: stopped before anything was changed there.",
        "Shop search: we could not have it done there.",
    ]


def test_what_is_not_approved_yet_is_in_preparation(olive):
    assert done.of(case_of()).under_way == ["Shop search: in preparation."]


def test_what_was_found_and_refused_is_told(case):
    found = factories.found(case, ("visitor_id", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"), by="CDP")
    lifecycle.decide(case, by=factories.person("olive"), accept=[found[0].pk], dismiss=[], note="")
    lifecycle.reject(case, by=factories.person("ada", "approver"), ground="unfounded")
    assert done.of(case).not_done == ["Shop search: this part was refused."]


def test_a_section_without_lines_is_not_in_the_letter(case):
    for vendor in ("Shop search", "CDP", "Paper archive"):
        set_to(case, vendor, "done", "erased")
    body = letters.write(case, "completion").body
    assert "This has been done:\n- CDP: the data was erased.\n- Paper archive:" in body
    assert "under way" not in body
    assert "was not done" not in body
    assert "\n\n\n" not in body


def test_whoever_acts_for_somebody_reads_of_that_persons_data(olive):
    body = letters.write(case_of(requester=PERSON | {"acting_for": "Ida"}), "acknowledgement").body
    assert "the erasure of personal data of the person for whom you act" in body
    assert "Ida" not in body


@pytest.mark.parametrize(
    ("given", "language"),
    [("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("German", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en")],
)
def test_the_language_of_the_person(olive, given, language):
    assert language_of(case_of(requester=PERSON | {"language": given})) == language
