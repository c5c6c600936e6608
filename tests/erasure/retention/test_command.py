"""manage.py retention tells, and changes nothing unless it is told to."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from compliance import clock
from erasure import retention
from erasure.models import Case
from erasure.retention import sweeping

from .made import anew, cancelled_case, ended_case, shredded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def said(*options: str) -> str:
    out = io.StringIO()
    call_command("retention", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_it_tells_how_much_goes_when_and_changes_nothing(turn_clock) -> None:
    turn_clock(datetime(2026, 11, 30, 12, tzinfo=UTC))
    soon, later, unanswered = cancelled_case("mistaken"), ended_case(), ended_case(answered=False)
    shredded(cancelled_case())
    retention.give_dates()
    turn_clock(datetime(2026, 12, 31, 12, tzinfo=UTC))
    lines = said("--list").splitlines()
    assert lines[0] == "Due now: 1"
    assert lines[1].endswith(": 1") and lines[2].endswith(": 1") and lines[4] == "Destroyed so far: 1"
    assert lines[5:] == ["  2026: 1", "  2029: 1", f"2026-12-30  {soon.reference}"]
    assert not anew(soon).shredded_at
    assert (anew(later).shred_at.year, anew(unanswered).shred_at) == (2029, None)


def test_told_so_it_destroys_all_that_is_due(turn_clock, monkeypatch) -> None:
    monkeypatch.setattr(sweeping, "SHREDDED_AT_ONCE", 2)
    cases = [cancelled_case() for _number in range(5)]
    retention.give_dates()
    day = anew(cases[0]).shred_at
    turn_clock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    assert "The personal data of 5 cases was destroyed." in said("--now")
    assert Case.objects.filter(shredded_at__isnull=False).count() == 5


def test_what_something_is_in_the_way_of_does_not_keep_it_running() -> None:
    case = ended_case(answered=False)
    Case.objects.filter(pk=case.pk).update(shred_at=clock.today())
    assert "The personal data of 0 cases was destroyed." in said("--now")


def test_after_a_change_of_the_rules_it_gives_other_dates(settings) -> None:
    case = cancelled_case()
    assert "1 cases have another date." in said("--redate")
    first = anew(case).shred_at
    settings.RETENTION = settings.RETENTION | {"gdpr": replace(settings.RETENTION["gdpr"], cancelled_days=400)}
    assert "1 cases have another date." in said("--redate")
    assert anew(case).shred_at > first
