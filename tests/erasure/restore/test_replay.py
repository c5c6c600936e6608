"""`manage.py replay_erasures`: what a vendor has forgotten is opened again, once, for this vendor alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from compliance import clock
from compliance.audit.models import Event
from compliance.vault.seal import destroy
from erasure import lifecycle, retention
from erasure.models import Case
from erasure.reports import register
from erasure.sandbox import Apptus
from tests import factories
from tests.erasure.worker.lane import Lane

from .conftest import PutBack

pytestmark = pytest.mark.django_db
VENDOR = "shop-search"


@pytest.fixture
def lane(turn_clock: Callable[[datetime | timedelta], datetime]) -> Any:
    with Apptus(archive_days=1).start() as apptus:
        yield Lane(apptus, turn_clock)


@pytest.fixture
def erased(lane: Lane) -> Callable[..., Case]:
    """A case that the vendor has carried out; it held data of the person."""

    def erased(customer: str = "C-1001", **given: Any) -> Case:
        lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", customer))
        case = lane.to_end(lane.case(identifiers=[("customer_id", customer)], **given))
        assert case.status == "completed"
        return case

    return erased


def replay(*options: str, to: datetime | None = None) -> str:
    out = StringIO()
    moment = (to or clock.now() - timedelta(days=30)).isoformat()
    call_command("replay_erasures", "--vendor", VENDOR, "--restored-to", moment, *options, stdout=out)
    return out.getvalue()


def test_an_erasure_is_opened_again_for_approval_and_erases_again(lane: Lane, erased: Callable[..., Case]) -> None:
    original = erased(regime="ccpa", external_id="crm-1")
    held = lane.vendor.speaks().as_sent("customer_id", "C-1001")
    lane.apptus.hold(held)  # the vendor's backup has them again
    said = replay()
    case = original.replayed_by.get()
    assert f"{original.reference}: opened as {case.reference}, awaits approval" in said
    assert (case.status, case.kind, case.regime) == ("awaiting_approval", "erasure", "ccpa")
    factories.approve(case)
    assert lane.to_end(case).status == "completed"
    assert held not in lane.apptus.held()


def test_repeated_it_opens_nothing_twice(erased: Callable[..., Case]) -> None:
    original = erased()
    replay()
    assert "is done again by" in replay()
    assert original.replayed_by.count() == 1


def test_what_was_rejected_is_opened_again(erased: Callable[..., Case]) -> None:
    original = erased()
    replay()
    lifecycle.reject(original.replayed_by.get(), by=factories.person("ada"), ground="unfounded")
    replay()
    assert original.replayed_by.count() == 2


def test_what_was_done_before_that_time_is_not(lane: Lane, erased: Callable[..., Case]) -> None:
    erased()
    lane.turn(timedelta(days=1))
    assert replay(to=clock.now()) == ""
    assert Case.objects.count() == 1


def test_what_the_vendor_never_held_is_not(lane: Lane) -> None:
    lane.to_end(lane.case())
    replay()
    assert Case.objects.count() == 1


def test_no_other_vendor_is_asked_again(erased: Callable[..., Case]) -> None:
    factories.vendor("Other shop", base_url="http://127.0.0.1:9199")
    original = erased(vendors=[VENDOR])
    replay()
    case = original.replayed_by.get()
    assert [work.vendor.slug for work in case.sub_tasks.select_related("vendor")] == [VENDOR]


def test_who_opened_it_cannot_approve_it(erased: Callable[..., Case]) -> None:
    original = erased()
    ada = factories.person("ada", "approver", "intake")
    replay("--account", "ada")
    case = original.replayed_by.get()
    assert case.opened_by == ada
    revision = lifecycle.open_revision(case)
    assert revision
    assert lifecycle.why_not_approve(revision, ada)


def test_it_owes_no_reply_and_stands_in_no_register_of_requests(erased: Callable[..., Case]) -> None:
    original = erased()
    replay()
    assert not original.replayed_by.get().is_unanswered
    assert [entry.reference for entry in register.entries(register.Selection("", None, None))] == [original.reference]


def test_what_was_proven_of_the_person_stays_proven(erased: Callable[..., Case]) -> None:
    original = erased()
    checked = {
        "identity_method": "account",
        "identity_result": "proven",
        "identity_checked_at": clock.now(),
        "identity_checked_by": factories.person("olive"),
    }
    Case.objects.filter(pk=original.pk).update(**checked)
    replay()
    case = original.replayed_by.get()
    assert {name: getattr(case, name) for name in checked} == checked


def test_both_cases_and_their_events_name_each_other(erased: Callable[..., Case]) -> None:
    original = erased()
    replay()
    case = original.replayed_by.get()
    assert Event.objects.get(action="case.replays", case=case.reference).details["original"] == original.reference
    assert Event.objects.get(action="case.replayed", case=original.reference).details["by_case"] == case.reference


def test_what_cannot_be_read_any_more_is_named(erased: Callable[..., Case]) -> None:
    original, other = erased(), erased("C-1002")
    destroy(original.data_key)
    out = StringIO()
    with pytest.raises(CommandError, match="cannot be opened again: 1"):
        call_command("replay_erasures", "--vendor", VENDOR, "--restored-to", "2020-01-01", stdout=out)
    assert f"{original.reference}: its identifiers cannot be read any more" in out.getvalue()
    assert other.replayed_by.exists()


def test_a_person_whom_nobody_knows_any_more_is_named_so(erased: Callable[..., Case]) -> None:
    original = erased()
    lifecycle.reply(original, by=factories.person("olive"), channel="email")
    retention.shred(original, actor="system:retention", why="time_over")
    out = StringIO()
    with pytest.raises(CommandError, match="Ask it which came back"):
        call_command("replay_erasures", "--vendor", VENDOR, "--restored-to", "2020-01-01", stdout=out)
    assert f"{original.reference}: its personal data was destroyed" in out.getvalue()


def test_a_dry_run_opens_nothing(erased: Callable[..., Case]) -> None:
    original = erased()
    assert f"{original.reference}: would be opened again" in replay("--dry-run")
    assert Case.objects.count() == 1


def test_a_lifted_restriction_is_over(erased: Callable[..., Case]) -> None:
    original = erased()
    Case.objects.filter(pk=original.pk).update(restricted_at=clock.now(), lifted_at=clock.now())
    assert replay() == ""


def test_a_restriction_that_this_vendor_has_lifted_is_over_though_another_still_restricts() -> None:
    factories.vendor()
    original = factories.approved_case(kind="restriction")
    lifecycle.attest(factories.work(original), by=original.opened_by, note="Restricted.")
    assert f"{original.reference}: would be opened again" in replay("--dry-run")
    lifting = factories.approved_case(kind="lift_restriction")
    lifecycle.attest(factories.work(lifting), by=lifting.opened_by, note="Lifted.")
    Case.objects.filter(pk=original.pk).update(lifted_at=None)  # as long as it is in force at another vendor
    said = replay()
    assert f"have them lifted again: {lifting.reference}" in said
    assert f"{original.reference}:" not in said and not original.replayed_by.exists()


def test_what_was_done_again_in_vain_is_opened_once_more(erased: Callable[..., Case]) -> None:
    original = erased()
    replay()
    Case.objects.filter(replays=original).update(status="partly_completed", closed_at=clock.now())
    replay()
    assert original.replayed_by.count() == 2


def test_work_under_way_is_named_for_a_person(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_export")
    assert f"look at each: {case.reference}" in replay()


@pytest.mark.parametrize(
    ("vendor", "to", "why"),
    [("nobody", "2026-01-01", "no vendor account nobody"), (VENDOR, "2999-01-01", "in the future")],
)
def test_wrong_words_open_nothing(erased: Callable[..., Case], vendor: str, to: str, why: str) -> None:
    erased()
    with pytest.raises(CommandError, match=why) as refused:
        call_command("replay_erasures", "--vendor", vendor, "--restored-to", to)
    assert refused.value.returncode == 2


def test_a_desk_that_was_put_back_itself_opens_nothing(erased: Callable[..., Case], put_back: PutBack) -> None:
    erased()
    put_back()
    with pytest.raises(CommandError, match="after_restore"):
        replay()


def test_both_pages_lead_to_each_other(erased: Callable[..., Case], client: Client) -> None:
    original = erased()
    replay(to=datetime(2020, 1, 1, tzinfo=UTC))
    case = original.replayed_by.get()
    client.force_login(factories.person("root", is_superuser=True))
    for one, other in ((original, case), (case, original)):
        page = client.get(f"/admin/erasure/case/{one.pk}/change/").content.decode()
        assert f'href="/admin/erasure/case/{other.pk}/change/"' in page
        assert "Perhaps the same person" not in page, "it is, and the page says so"
        assert "was put back to 2020-01-01 00:00 UTC" in page
