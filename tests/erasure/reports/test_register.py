"""The register: one line a case, nothing personal, however many there are."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.audit.models import Event
from erasure import lifecycle
from erasure.models import Case, SubTaskIdentifier, Vendor
from erasure.reports import register
from erasure.reports.register import HEADER, Selection
from erasure.states import CaseStatus, Held, Outcome, SubTaskStatus
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def vendors() -> None:
    vendor()
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})


def lines(**wanted: Any) -> list[dict[str, str]]:
    return list(
        csv.DictReader(io.StringIO("".join(register.csv_lines(register.entries(Selection(**wanted)))), newline=""))
    )


def test_a_completed_request_is_told_from_receipt_to_reply(turn_clock: Callable[..., datetime]) -> None:
    turn_clock(datetime.fromisoformat("2026-01-31T10:00:00Z"))
    case = approved_case(regime="gdpr", country="DE", subdivision="BY", channel="letter", ground="objection")
    shop = work(case)
    shop.identifiers.update(outcome=Outcome.NOT_HELD, held=Held.NO)
    shop.status = SubTaskStatus.DONE
    shop.save()
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="done")
    turn_clock(timedelta(days=30))
    lifecycle.reply(case, by=person("ada"), channel="email")
    (line,) = lines()
    assert tuple(line) == HEADER
    assert line == {
        "reference": "DSR-2026-000001",
        "kind": "erasure",
        "regime": "gdpr",
        "country": "DE",
        "subdivision": "BY",
        "ground": "objection",
        "channel": "letter",
        "received_on": "2026-01-31",
        "due_on": "2026-03-02",
        "status": "completed",
        "result": "complied",
        "opened_at": "2026-01-31T10:00:00Z",
        "approved_at": "2026-01-31T10:00:00Z",
        "replied_at": "2026-03-02T10:00:00Z",
        "reply_channel": "email",
        "days_to_reply": "30",
        "on_time": "yes",
        "closed_at": "2026-01-31T10:00:00Z",
        "refusal_ground": "",
        "cancel_reason": "",
        "duplicate_of": "",
        "vendors": "paper-archive shop-search",
        "outcomes": "erased:1 not_held:1",
        "personal_data_destroyed_at": "",
    }


def test_what_was_refused_at_one_vendor_has_its_ground() -> None:
    case = approved_case()
    lifecycle.refuse_work(work(case, "Paper archive"), by=person("ada"), ground="legal_obligation")
    assert [line["refusal_ground"] for line in lines()] == ["legal_obligation"]


def test_every_end_has_its_word() -> None:
    draft, refused, cancelled, going = opened_case(), opened_case(submit=True), opened_case(), approved_case()
    lifecycle.reject(refused, by=person("ada"), ground="legal_claims")
    lifecycle.cancel(cancelled, by=person("olive"), reason="duplicate", duplicate_of=draft.reference)
    Case.objects.filter(pk=going.pk).update(due_on=going.received_on - timedelta(days=1))
    lifecycle.reply(Case.objects.get(pk=going.pk), by=person("ada"), channel="phone")
    told = {line["reference"]: line for line in lines()}
    assert [told[case.reference]["result"] for case in (draft, refused, cancelled, going)] == [
        "open",
        "denied",
        "cancelled",
        "open",
    ]
    assert [told[case.reference]["on_time"] for case in (draft, refused, cancelled, going)] == [
        "open",
        "open",
        "not_owed",
        "no",
    ]
    assert told[refused.reference]["refusal_ground"] == "legal_claims"
    assert told[refused.reference]["outcomes"] == ""  # what was never sent has none
    assert told[cancelled.reference]["cancel_reason"] == "duplicate"
    assert told[cancelled.reference]["duplicate_of"] == draft.reference
    assert told[draft.reference]["approved_at"] == told[draft.reference]["days_to_reply"] == ""


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        *((outcome, "not_complied") for outcome in (Outcome.REFUSED, Outcome.FAILED, Outcome.PENDING)),
        *((outcome, "complied_in_part") for outcome in (Outcome.ERASED, Outcome.NOT_HELD, Outcome.PROCESSED)),
    ],
)
def test_a_case_of_which_nothing_was_done_is_not_complied_with_in_part(outcome: str, result: str) -> None:
    case = approved_case()
    SubTaskIdentifier.objects.update(outcome=Outcome.REFUSED)
    work(case).identifiers.update(outcome=outcome)
    Case.objects.update(status=CaseStatus.PARTLY_COMPLETED, closed_at=case.created_at)
    assert [line["result"] for line in lines()] == [result]


def test_a_cancelled_case_of_which_nothing_was_done_is_cancelled() -> None:
    case = approved_case()
    SubTaskIdentifier.objects.update(outcome=Outcome.FAILED)
    now = case.created_at
    Case.objects.update(status=CaseStatus.PARTLY_COMPLETED, cancelled_at=now, closed_at=now)
    assert [line["result"] for line in lines()] == ["cancelled"]


def test_a_request_is_overdue_from_the_day_after_its_last_until_it_is_answered(
    turn_clock: Callable[..., datetime], settings: Any
) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    case = approved_case()
    other = approved_case()
    lifecycle.cancel(other, by=person("olive"), reason="withdrawn")
    last = datetime.combine(case.due_on, time(23, 59), ZoneInfo("Pacific/Auckland"))
    for at, expected in ((last, "open"), (last + timedelta(minutes=1), "overdue")):
        turn_clock(at.astimezone(UTC))
        assert [line["on_time"] for line in lines()] == [expected, "not_owed"]
    lifecycle.reply(case, by=person("ada"), channel="email")
    assert [line["on_time"] for line in lines()] == ["no", "not_owed"]


def test_the_day_of_the_reply_is_the_desks(settings: Any, turn_clock: Callable[..., datetime]) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    turn_clock(datetime.fromisoformat("2026-06-01T13:00:00Z"))  # the 2nd there
    case = approved_case()
    lifecycle.reply(case, by=person("ada"), channel="email")
    assert [(line["received_on"], line["days_to_reply"]) for line in lines()] == [("2026-06-02", "0")]


def test_it_is_of_one_law_or_of_days_that_both_count() -> None:
    for regime, day in (("gdpr", 1), ("ccpa", 1), ("ccpa", 2), ("ccpa", 3)):
        case = opened_case(regime=regime)
        Case.objects.filter(pk=case.pk).update(received_on=date(2026, 1, day))

    def days(**wanted: Any) -> list[str]:
        return [line["received_on"][-2:] for line in lines(**wanted)]

    assert days(regime="ccpa") == ["01", "02", "03"]
    assert days(regime="ccpa", since=date(2026, 1, 2), until=date(2026, 1, 2)) == ["02"]
    assert days(since=date(2026, 1, 2)) == ["02", "03"]
    assert days(until=date(2026, 1, 1)) == ["01", "01"]
    assert days(regime="us_va") == []


def test_nothing_in_it_is_personal_and_no_cell_is_a_formula() -> None:
    requester = {"name": "Zq7xkVb3w Lovelace", "reply_to": "zq7xkvb3w@example.org"}
    opened_case(
        external_id="Zq7xkVb3w-1",
        requester=requester,
        note="Zq7xkVb3w",
        identifiers=[("email", "zq7xkvb3w@example.org")],
    )
    Vendor.objects.filter(slug="shop-search").update(slug="=2+5")
    found = list(register.entries(Selection()))
    told = "".join([*register.csv_lines(found), *register.jsonl_lines(found)])
    assert "zq7xkvb3w" not in told.lower()
    assert lines()[0]["vendors"] == "'=2+5 paper-archive"


def test_json_lines_hold_the_same_with_numbers_as_numbers() -> None:
    case = approved_case()
    lifecycle.reply(case, by=person("ada"), channel="email")
    opened_case()
    first, second = map(json.loads, register.jsonl_lines(register.entries(Selection())))
    assert tuple(first) == HEADER
    assert (first["days_to_reply"], second["days_to_reply"]) == (0, None)
    in_csv = lines()[0]
    assert {name: str(value) for name, value in first.items()} == in_csv


def test_a_byte_order_mark_is_there_for_excel_alone() -> None:
    plain, marked = ("".join(register.csv_lines([], bom=bom)) for bom in (False, True))
    assert plain.startswith("reference,")
    assert marked == f"\ufeff{plain}"


def test_it_is_read_in_pages_of_a_few_queries_each(monkeypatch: pytest.MonkeyPatch) -> None:
    references = [opened_case().reference for _case in range(5)]
    monkeypatch.setattr(register, "_PAGE", 2)
    with CaptureQueriesContext(connection) as queries:
        assert [line["reference"] for line in lines()] == references
    assert len(queries) == 3 * 4 + 1


def test_an_export_is_on_record_with_what_was_asked_for() -> None:
    selection = Selection("ccpa", date(2026, 1, 1))
    register.record_export(selection, actor="user:1", form="csv", count=3)
    event = Event.objects.get(action="register.exported")
    assert event.details == {"format": "csv", "count": 3, "regime": "ccpa", "since": "2026-01-01"}
    assert (event.actor, event.case) == ("user:1", "")
