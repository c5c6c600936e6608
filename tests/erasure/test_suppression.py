"""The suppression list: who comes onto it, who is found on it, and who leaves it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from compliance.audit.models import Event
from compliance.vault import seal
from erasure import lifecycle, planning, suppression
from erasure.errors import Conflict, Invalid, NotFound
from erasure.models import Case, Identifier, Suppressed
from erasure.states import IdentifierState, RemovalReason, SubTaskStatus
from erasure.worker import sweep
from tests.factories import approve, approved_case, opened_case, person, suppressed, vendor, work

pytestmark = pytest.mark.django_db
ADA, HERS = ("email", "ada@example.org"), ("customer_id", "C-1001")


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, settings: Any) -> Path:
    cache.delete("suppression:key")
    settings.SUPPRESSION_KEY, settings.SUPPRESSION_DAYS = tmp_path / "suppression.key", 90
    return Path(settings.SUPPRESSION_KEY)


def ends(case: Case, *, outcome: str = "erased", status: SubTaskStatus = SubTaskStatus.DONE) -> Case:
    """Every vendor's part of the case ends so."""
    with transaction.atomic():
        case = Case.locked().get(pk=case.pk)
        for part in case.sub_tasks.select_related("vendor"):
            part.case = case
            part.identifiers.update(outcome=outcome)
            lifecycle.move(part, SubTaskStatus.NEEDS_ATTENTION, attention_code="refused", next_at=None)
            lifecycle.end(part, status, event="sub_task.done")
        lifecycle.close_if_ended(case)
    suppression.keep_due()
    return Case.objects.get(pk=case.pk)


def listed(*identifiers: tuple[str, str], **more: Any) -> list[bool]:
    return [said.listed for said in suppression.look_up(identifiers, **more)]


# --- onto the list ----------------------------------------------------------------------------------------------------


def test_whoever_is_erased_is_on_the_list_by_every_accepted_identifier_for_as_long_as_the_plan_says() -> None:
    vendor()  # takes the customer id alone: a re-import may come by the e-mail address all the same
    case = ends(approved_case())
    assert case.closed_at
    assert case.status == "completed"
    assert listed(ADA, HERS, ("email", "eve@example.org")) == [True, True, False]
    assert suppression.look_up([ADA])[0].since == case.closed_at
    assert set(Suppressed.objects.values_list("until", flat=True)) == {case.closed_at + timedelta(days=90)}
    (event,) = Event.objects.filter(action="suppression.kept")
    assert event.details == {"kept": 2, "unreadable": 0, "until": event.details["until"]}


def test_a_row_holds_no_value_and_no_fingerprint_that_the_desk_searches_by() -> None:
    vendor()
    ends(approved_case())
    rows = str(list(Suppressed.objects.values()))
    assert "ada@" not in rows
    assert "C-1001" not in rows
    assert not set(Suppressed.objects.values_list("fingerprint", flat=True)) & set(
        Identifier.objects.values_list("fingerprint", flat=True)
    )


def test_it_has_a_key_of_its_own_which_is_made_once_and_readable_by_the_desk_alone(own_key: Path) -> None:
    assert listed(ADA) == [False]
    made = own_key.read_bytes()
    assert own_key.stat().st_mode & 0o777 == 0o600
    suppressed(*ADA)
    assert listed(ADA) == [True]
    assert own_key.read_bytes() == made


def test_a_lost_key_is_told_and_never_replaced_while_somebody_is_on_the_list(own_key: Path) -> None:
    suppressed(*ADA)
    own_key.unlink()
    with pytest.raises(ImproperlyConfigured, match=r"SUPPRESSION_KEY.*Put the key back"):
        listed(ADA)
    assert not own_key.exists()
    own_key.write_text("not a key")
    with pytest.raises(ImproperlyConfigured, match="damaged"):
        listed(ADA)


def test_while_the_key_is_lost_a_case_ends_all_the_same_and_is_kept_once_it_is_back(own_key: Path) -> None:
    suppressed("email", "eve@example.org")
    key = own_key.read_bytes()
    own_key.unlink()
    vendor()
    assert ends(approved_case()).status == "completed"
    own_key.write_bytes(key)
    assert listed(ADA) == [False]
    suppression.keep_due()
    assert listed(ADA) == [True]


def test_that_the_key_is_lost_is_not_said_each_second(own_key: Path, caplog: Any) -> None:
    vendor()
    suppressed(*ADA, case=opened_case())
    own_key.unlink()
    for _tick in range(3):
        ends(approved_case())
    assert len([line for line in caplog.messages if "SUPPRESSION_KEY" in line]) == 1


def test_of_a_case_completed_in_part_those_alone_are_kept_that_a_vendor_has_erased() -> None:
    vendor()
    vendor("Exchange", "acoustic")
    case = approved_case()
    with transaction.atomic():
        case = Case.locked().get(pk=case.pk)
        for name, outcome, status in (("Shop search", "erased", "done"), ("Exchange", "failed", "stopped")):
            part = case.sub_tasks.select_related("vendor").get(vendor__name=name)
            part.case = case
            part.identifiers.update(outcome=outcome)
            lifecycle.move(part, SubTaskStatus.NEEDS_ATTENTION, attention_code="refused", next_at=None)
            lifecycle.end(part, SubTaskStatus(status), event="sub_task.done")
        lifecycle.close_if_ended(case)
    suppression.keep_due()
    assert Case.objects.get(pk=case.pk).status == "partly_completed"
    assert listed(HERS, ADA) == [True, False]


def test_an_identifier_that_was_dismissed_is_not_kept() -> None:
    vendor()
    case = approved_case()
    case.identifiers.filter(kind="email").update(state=IdentifierState.DISMISSED)
    ends(case)
    assert listed(ADA, HERS) == [False, True]


@pytest.mark.parametrize("kind", ["restriction", "export"])
def test_only_an_erasure_keeps_anything(kind: str) -> None:
    vendor()
    ends(approved_case(kind=kind), outcome="exported")
    assert not Suppressed.objects.exists()


def test_destroying_a_cases_key_leaves_the_list_as_it_is() -> None:
    vendor()
    case = ends(approved_case())
    seal.destroy(case.data_key)
    assert listed(ADA, HERS) == [True, True]


def test_a_case_whose_key_was_destroyed_before_it_could_be_kept_is_told_and_holds_up_nobody() -> None:
    vendor()
    lost = approved_case()
    with transaction.atomic():
        pass
    seal.destroy(lost.data_key)
    lost.revisions.update(keep_since=lost.created_at)
    suppression.keep_due()
    (event,) = Event.objects.filter(action="suppression.kept")
    assert (event.details["kept"], event.details["unreadable"]) == (0, 2)
    assert not lost.revisions.filter(keep_since__isnull=False).exists()


def test_erased_once_more_the_later_day_counts_and_nobody_is_on_the_list_twice(
    turn_clock: Callable[[timedelta], datetime],
) -> None:
    vendor()
    turn_clock(timedelta(0))
    ends(approved_case())
    turn_clock(timedelta(days=30))
    again = ends(approved_case())
    assert Suppressed.objects.count() == 2
    assert suppression.look_up([ADA])[0].since == again.closed_at
    assert set(Suppressed.objects.values_list("case", flat=True)) == {again.pk}


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_it_is_part_of_what_is_approved(settings: Any) -> None:
    vendor()
    case = opened_case(submit=True)
    revision = case.revisions.get()
    assert "kept for 90 days" in suppression.explain(revision)
    settings.SUPPRESSION_DAYS = 365
    assert not planning.is_current(case, revision)
    with pytest.raises(Conflict):
        lifecycle.approve(case, by=person("ada", "approver"), digest=revision.digest)
    approve(case)
    assert case.revisions.get().keeps_days == 365


def test_a_change_of_the_setting_stops_no_approved_work_and_keeps_to_what_was_approved(settings: Any) -> None:
    vendor()
    case = approved_case()
    settings.SUPPRESSION_DAYS = 365
    assert planning.still_approved(work(case))
    case = ends(case)
    assert case.closed_at
    assert set(Suppressed.objects.values_list("until", flat=True)) == {case.closed_at + timedelta(days=90)}


def test_off_no_plan_speaks_of_it_its_digest_is_as_before_and_nobody_is_kept(settings: Any) -> None:
    settings.SUPPRESSION_DAYS = 0
    vendor()
    case = approved_case()
    assert suppression.explain(case.revisions.get()) == ""
    settings.SUPPRESSION_DAYS = 90  # too late: nobody has approved it
    ends(case)
    assert not Suppressed.objects.exists()


def test_turned_off_before_the_case_ends_nobody_is_kept(settings: Any) -> None:
    vendor()
    case = approved_case()
    settings.SUPPRESSION_DAYS = 0
    ends(case)
    assert not Suppressed.objects.exists()


def test_a_later_plan_version_keeps_to_what_the_first_said(settings: Any) -> None:
    vendor()
    case = approved_case()
    settings.SUPPRESSION_DAYS = 5
    assert suppression.days_for(case, 2) == 90


# --- asked ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_it", "asked", "country"),
    [
        (("email", "Ada@Example.org"), ("email", " ada@example.ORG "), ""),
        (("phone", "+49 30 123456"), ("phone", "030 123456"), "DE"),
        (
            ("visitor_id", "3F2A9C1E-58B7-4C0D-9A1F-2B6E7D8C9F00"),
            ("visitor_id", "3f2a9c1e58b74c0d9a1f2b6e7d8c9f00"),
            "",
        ),
    ],
)
def test_they_are_compared_as_intake_does(on_it: tuple[str, str], asked: tuple[str, str], country: str) -> None:
    suppressed(*on_it)
    assert listed(asked, country=country) == [True]


def test_the_same_text_of_another_kind_is_somebody_else() -> None:
    suppressed("customer_id", "7")
    assert listed(("x1_id", "7")) == [False]


def test_what_cannot_be_looked_up_says_so_and_the_rest_is_answered() -> None:
    suppressed(*ADA)
    no_address, no_kind, hers = suppression.look_up([("email", "nobody"), ("E-Mail", "a@example.org"), ADA])
    assert (no_address.listed, no_address.problem) == (False, "It is not an e-mail address.")
    assert no_kind.problem
    assert hers.listed


def test_a_check_goes_on_record_with_its_counts_alone() -> None:
    suppressed(*ADA)
    suppression.check([ADA, ("email", "eve@example.org"), ("email", "?")], by=person("olive", "intake"))
    event = Event.objects.get(action="suppression.checked")
    assert event.details == {"checked": 3, "listed": 1, "unreadable": 1}
    assert (event.case, event.actor) == ("", f"user:{person('olive').pk}")


def test_no_more_than_a_thousand_are_asked_about_at_once() -> None:
    with pytest.raises(Invalid):
        suppression.check([ADA] * 1001, by=person("olive"))
    assert len(suppression.check([ADA] * 1000, by=person("olive"))) == 1000


# --- off the list -----------------------------------------------------------------------------------------------------


def test_once_their_time_is_over_they_are_on_it_no_longer_and_the_sweep_removes_them(
    turn_clock: Callable[[timedelta], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_clock(timedelta(0))
    suppressed(*ADA, days=30)
    suppressed(*HERS, days=60)
    now = turn_clock(timedelta(days=30))
    assert listed(ADA, HERS) == [False, True]
    suppression.forget(now)
    assert Suppressed.objects.count() == 1
    assert Event.objects.get(action="suppression.expired").details == {"count": 1}
    suppression.forget(now)
    assert Event.objects.filter(action="suppression.expired").count() == 1


def test_the_sweep_keeps_and_forgets(turn_clock: Callable[[timedelta], datetime]) -> None:
    from django.core.cache import cache

    turn_clock(timedelta(0))
    gone = suppressed("email", "gone@example.org", days=0)
    vendor()
    case = approved_case()
    case.revisions.update(keep_since=case.created_at)
    cache.clear()
    sweep.tick()
    assert listed(ADA) == [True]
    assert not Suppressed.objects.filter(pk=gone.pk).exists()


@pytest.mark.parametrize("reason", RemovalReason.values)
def test_somebody_is_taken_off_by_an_identifier_typed_in_whole_with_a_reason_on_record(reason: str) -> None:
    entry = suppressed(*ADA)
    suppressed(*HERS)
    suppression.remove("email", "ADA@example.org", by=person("ada"), reason=reason)
    assert listed(ADA, HERS) == [False, True]
    event = Event.objects.get(action="suppression.removed")
    assert event.details == {"kind": "email", "reason": reason}
    assert event.subject == f"suppressed:{entry.pk}"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("email", "eve@example.org", "came_back"), NotFound),
        (("email", "no address", "came_back"), Invalid),
        (("email", "ada@example.org", "whatever"), Invalid),
    ],
)
def test_what_cannot_be_taken_off_changes_nothing(given: tuple[str, str, str], error: type[Exception]) -> None:
    suppressed(*ADA)
    kind, value, reason = given
    with pytest.raises(error):
        suppression.remove(kind, value, by=person("ada"), reason=reason)
    assert listed(ADA) == [True]
    assert not Event.objects.filter(action="suppression.removed").exists()
