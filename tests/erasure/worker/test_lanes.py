"""What a lane claims and what it does not: the approved plan, holds, cancelling."""

from typing import Any

import pytest

from erasure import lifecycle
from erasure.connectors.apptus import Apptus
from erasure.models import Call, Case, Identifier, SubTask
from erasure.sandbox import Fault
from erasure.worker import settle, steps
from tests.factories import person

from .lane import Lane


def changed_value(lane: Lane, case: Case) -> None:
    item = Identifier.objects.select_related("case__data_key").get(case=case, kind="customer_id")
    item.seal("value", "C-9999")
    item.save()


def changed_address(lane: Lane, case: Case) -> None:
    lane.save(base_url="http://127.0.0.1:9")


def changed_option(lane: Lane, case: Case) -> None:
    lane.save(options={"visitor_key_from": []})
    lane.save(options={"export_before_erasing": False})


def removed_identifier(lane: Lane, case: Case) -> None:
    lane.work(case).identifiers.all().delete()


@pytest.mark.parametrize("change", [changed_value, changed_address, changed_option, removed_identifier])
@pytest.mark.parametrize("step", ["start_export", "start_removal"])
def test_what_is_not_what_was_approved_is_not_sent(lane: Lane, change: Any, step: str) -> None:
    case = lane.case()
    lane.to_step(step)
    before = len(lane.apptus.journal.entries())
    change(lane, case)
    lane.run()
    work = lane.work()
    assert (work.status, work.attention_code) == ("needs_attention", "plan_changed")
    lifecycle.retry(work, by=person("ada"))
    lane.run()
    assert lane.work().attention_code == "plan_changed"
    assert len(lane.apptus.journal.entries()) == before


def test_once_a_change_is_undone_the_work_can_go_on(lane: Lane) -> None:
    case = lane.case()
    changed_address(lane, case)
    lane.run()
    lane.save(base_url=lane.apptus.url)
    lifecycle.retry(lane.work(), by=person("ada"))
    assert lane.to_end(case).status == "completed"


def test_a_setting_that_changes_no_effect_needs_no_new_approval(lane: Lane) -> None:
    case = lane.case()
    lane.save(options={"keep_export_days": 3}, pace={"calls_per_minute": 500})
    assert lane.to_end(case).status == "completed"


def test_a_held_case_is_not_claimed_until_it_is_released(lane: Lane) -> None:
    case, other = lane.case(), lane.case(identifiers=[("customer_id", "C-2")])
    lifecycle.hold(case, by=person("ada"))
    lane.run()
    assert (lane.work(case).status, lane.work(other).step) == ("ready", "await_export")
    lifecycle.release(case, by=person("ada"))
    assert lane.to_end(case).status == "completed"


def test_what_was_under_way_when_a_hold_came_is_written_down_and_goes_no_further(lane: Lane) -> None:
    case = lane.case()
    claim = lane.claim()
    lifecycle.hold(case, by=person("ada"))
    settle.settle(claim, steps.perform(claim))
    assert (lane.work().status, lane.work().step) == ("waiting", "await_export")
    lane.due()
    lane.run()
    assert len(lane.apptus.journal.entries()) == 1


def test_cancelling_while_an_export_starts_stops_before_anything_is_removed(lane: Lane) -> None:
    case = lane.case()
    claim = lane.claim()
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    assert lane.work().status == "running"
    settle.settle(claim, steps.perform(claim))
    case.refresh_from_db()
    assert (lane.work().status, lane.work().reason) == ("stopped", "stopped_before_effect")
    assert case.status == "partly_completed"
    assert lane.effects() == ["export_started"]


def test_cancelling_while_a_removal_starts_follows_it_to_its_end(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("start_removal")
    claim = lane.claim()
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    settle.settle(claim, steps.perform(claim))
    assert lane.work().step == "await_removal"
    assert lane.to_end(case).status == "partly_completed"
    assert lane.work().status == "done"


def test_a_removal_that_was_only_tried_is_not_begun_once_the_case_is_cancelled(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("start_removal")
    lane.apptus.faults.add(Fault("reply", path="*/create-remove-customer-job", status=503))
    assert lane.once().verdict == "failed"
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    case.refresh_from_db()
    assert (lane.work().status, case.status) == ("stopped", "partly_completed")
    assert "removal_started" not in lane.effects()


def test_a_case_of_which_nothing_reached_the_vendor_ends_cancelled(lane: Lane) -> None:
    case = lane.case()
    lane.apptus.stop()
    lane.run()
    assert Call.objects.get().verdict == "failed"
    lifecycle.cancel(case, by=person("ada"), reason="mistaken")
    case.refresh_from_db()
    assert (case.status, lane.work().reason) == ("cancelled", "stopped_before_sending")


def test_cancelling_while_a_call_without_an_answer_is_out_sends_nothing_more(lane: Lane) -> None:
    case = lane.case()
    lane.apptus.faults.add(Fault("close", path="*/create-export-customer-job"))
    claim = lane.claim()
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    settle.settle(claim, steps.perform(claim))
    lane.run()
    case.refresh_from_db()
    assert (lane.work().status, case.status) == ("stopped", "partly_completed")
    assert len(lane.apptus.journal.entries()) == 1


def test_sealed_values_that_cannot_be_opened_stop_that_case_alone(lane: Lane) -> None:
    broken, healthy = lane.case(), lane.case(identifiers=[("customer_id", "C-2")])
    Identifier.objects.filter(case=broken).update(value_sealed=b"\x01not what was sealed")
    lane.run()
    assert (lane.work(broken).status, lane.work(broken).attention_code) == ("needs_attention", "unreadable")
    assert lane.work(healthy).step == "await_export"


def test_a_step_that_was_renamed_since_goes_on_under_its_new_name(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Apptus, "renamed", {"begin_export": "start_export"})
    case = lane.case()
    SubTask.objects.update(step="begin_export")
    assert lane.to_end(case).status == "completed"
