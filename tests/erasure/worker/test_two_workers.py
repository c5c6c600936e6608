"""Two workers, or a worker and a person, at the same moment."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from erasure import intake
from erasure.models import Case, SubTask, Vendor
from erasure.worker import lanes, settle, steps
from tests.factories import person

from .lane import Lane


def together(*parts: Any) -> list[Any]:
    """Runs these at the same time, each with its own connection; what they returned, or the first error."""
    gate, found, errors = threading.Barrier(len(parts)), [], []

    def run(part: Any) -> None:
        try:
            gate.wait(60)
            found.append(part())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "two workers wait for each other"
    if errors:
        raise errors[0]
    return found


def test_two_workers_on_one_lane_never_claim_the_same_work(lane: Lane) -> None:
    lane.save(pace={"parallel_calls": 100})
    for number in range(12):
        lane.case(identifiers=[("customer_id", f"C-{number}")])

    def claim_all() -> list[Any]:
        found = []
        while claim := lanes.next_claim(lane.vendor.pk):
            found.append(claim.shares[0].sub_task.pk)
        return found

    claimed = [pk for found in together(claim_all, claim_all, claim_all) for pk in found]
    assert sorted(claimed) == sorted(SubTask.objects.values_list("pk", flat=True))
    assert set(SubTask.objects.values_list("epoch", flat=True)) == {1}


def test_two_workers_carry_a_lane_to_its_end_with_each_effect_once(lane: Lane) -> None:
    cases = [lane.case(identifiers=[("customer_id", f"C-{number}")]) for number in range(4)]
    for _ in range(8):
        together(lane.run, lane.run)
        lane.turn(timedelta(hours=7))
        lane.apptus.clock.advance(1)
    assert {Case.objects.get(pk=case.pk).status for case in cases} == {"completed"}
    assert sorted(lane.effects()) == sorted(["export_started", "export_fetched", "removal_started"] * 4)


def test_two_answers_to_one_claim_count_once(lane: Lane) -> None:
    lane.case()
    claim = lane.claim()
    came = steps.perform(claim)
    together(lambda: settle.settle(claim, came), lambda: settle.settle(claim, came))
    assert lane.work().step == "await_export"
    assert len(lane.told("sub_task.late")) == 1
    assert len(lane.told("sub_task.went_on")) == 1


def test_a_worker_that_settles_and_a_person_who_changes_the_plan_do_not_deadlock(lane: Lane) -> None:
    """The engine locks the vendor and then the case; a new plan version is drawn under the case's lock and its rows
    point to the vendor."""
    case = lane.case()
    claim = lane.claim()
    came = steps.perform(claim)
    has_case, has_vendor = threading.Event(), threading.Event()
    real_redraw = intake.planning.redraw

    def add() -> None:
        def redraw(*args: Any, **kwargs: Any) -> Any:
            has_case.set()
            has_vendor.wait(0.5)  # never comes where the database has one writer at a time
            return real_redraw(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake.planning, "redraw", redraw)
            intake.add_identifier(
                case, by=person("olive"), kind="visitor_id", value="4b1f1f4e-0000-4000-8000-000000000001"
            )

    def write_down() -> None:
        has_case.wait(60)
        real = Vendor.locked

        def locked(pk: Any) -> Vendor:
            vendor = real(pk)
            has_vendor.set()
            return vendor

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Vendor, "locked", staticmethod(locked))
            settle.settle(claim, came)

    together(add, write_down)
    assert case.sub_tasks.count() == 2
    assert case.sub_tasks.get(revision__number=1).step == "await_export"
