"""When the personal data of a case is destroyed by itself: by which rule, since when, and with what notice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from compliance import clock
from compliance.deadlines import NEVER
from erasure import evidence, intake, lifecycle, retention
from erasure.models import Case, Evidence
from tests.factories import approved_case, opened_case, opening, person

from .made import DAY, anew, cancelled_case, ended_case, rejected_case

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def keep(settings, regime: str = "gdpr", **days: int) -> None:
    settings.RETENTION = settings.RETENTION | {regime: replace(settings.RETENTION[regime], **days)}


def dated(case: Case) -> Case:
    retention.give_dates()
    return anew(case)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (ended_case, "answered_months"),
        (rejected_case, "refused_months"),
        (cancelled_case, "cancelled_days"),
        (lambda: cancelled_case("mistaken"), "mistaken_days"),
        (opened_case, "draft_days"),
    ],
)
def test_each_end_of_a_case_has_a_rule_and_a_date(make, rule: str) -> None:
    case = dated(make())
    found = retention.rule_of(case)
    assert (found.name, found.since) == (rule, clock.today())
    assert case.shred_at == found.on > clock.today()


@pytest.mark.parametrize(
    "make",
    [
        lambda: opened_case(submit=True),
        approved_case,
        lambda: ended_case(answered=False),
        lambda: rejected_case(answered=False),
        lambda: ended_case(kind="restriction"),
    ],
)
def test_what_goes_on_or_is_owed_or_in_force_has_none(make) -> None:
    case = make()
    if case.kind == "restriction":
        Case.objects.filter(pk=case.pk).update(restricted_at=clock.now())
    case = dated(case)
    assert (case.shred_at, retention.rule_of(case)) == (None, None)


def test_the_time_counts_from_the_reply_if_that_was_later(turn_clock) -> None:
    case = ended_case(answered=False)
    turn_clock(10 * DAY)
    lifecycle.reply(case, by=person("olive"), channel="email")
    assert retention.rule_of(anew(case)).since == clock.today()


def test_a_lifted_restriction_counts_from_its_lifting(turn_clock) -> None:
    case = ended_case(kind="restriction")
    now = turn_clock(40 * DAY)
    Case.objects.filter(pk=case.pk).update(restricted_at=now - 39 * DAY, lifted_at=now)
    assert retention.rule_of(anew(case)).since == clock.today()


def test_nobody_is_surprised_a_rule_that_has_ended_already_gives_its_notice_first(settings) -> None:
    keep(settings, mistaken_days=1)
    case = dated(cancelled_case("mistaken"))
    assert case.shred_at == clock.today() + timedelta(days=14)
    assert any("on hold" in line for line in retention.told(case))


def test_rules_that_change_move_the_dates_by_the_command_alone_and_keep_the_notice(settings, turn_clock) -> None:
    case = dated(cancelled_case())
    first = case.shred_at
    keep(settings, cancelled_days=20)
    assert dated(case).shred_at == first, "a change of the settings alone moves nothing"
    assert retention.redate() == (1, 1, None)
    sooner = anew(case).shred_at
    assert sooner == clock.today() + timedelta(days=20)
    turn_clock(10 * DAY)
    keep(settings, cancelled_days=5)
    retention.redate()
    assert anew(case).shred_at == sooner, "whoever had notice by a date has it"


def test_a_rule_of_nothing_is_never_due(settings) -> None:
    keep(settings, cancelled_days=0)
    case = dated(cancelled_case())
    assert case.shred_at == NEVER
    assert retention.date_of(case) is None and "not destroyed by itself" in retention.told(case)[0]
    assert retention.give_dates() == 0, "it is not asked about again and again"


def test_a_draft_that_is_touched_begins_anew_and_one_that_is_submitted_has_no_date(turn_clock) -> None:
    case = dated(opened_case())
    first = case.shred_at
    turn_clock(30 * DAY)
    intake.amend(case, opening(country="DE"), by=person("olive"))
    case = dated(case)
    assert case.shred_at == first + timedelta(days=30)
    lifecycle.submit(case, by=person("olive"))
    assert dated(case).shred_at is None


def test_a_hold_takes_the_date_away_and_a_release_gives_another_with_notice(turn_clock) -> None:
    case = dated(ended_case())
    lifecycle.hold(case, by=person("ada"), note="A claim was announced.")
    assert dated(case).shred_at is None
    turn_clock(5 * 365 * DAY)
    lifecycle.release(case, by=person("ada"))
    assert dated(case).shred_at == clock.today() + timedelta(days=14)


def test_many_cases_are_dated_in_few_queries(django_assert_max_num_queries) -> None:
    for _number in range(6):
        cancelled_case()
    with django_assert_max_num_queries(3):
        assert retention.give_dates() == 6
    with django_assert_max_num_queries(2):
        assert retention.redate() == (6, 0, None)


def test_files_from_before_their_kind_had_an_end_get_one_with_notice(settings, tmp_path, turn_clock) -> None:
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    now = turn_clock(clock.now())
    case = opened_case()
    file = evidence.File("passport.png", b"a picture")
    for _number in range(2):
        lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", file=file)
    old, new = case.evidence.all()
    Evidence.objects.update(keep_until=None)
    Evidence.objects.filter(pk=old.pk).update(created_at=now - 400 * DAY)
    assert retention.redate_files() == 2
    assert Evidence.objects.get(pk=old.pk).keep_until == now + 14 * DAY
    assert Evidence.objects.get(pk=new.pk).keep_until == new.created_at + 30 * DAY
    assert retention.redate_files() == 0
