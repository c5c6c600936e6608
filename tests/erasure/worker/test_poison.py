"""A step that kills its worker each time, with real workers: it ends at needs attention after its allowed tries, which
are counted before the call, and everybody else goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erasure.sandbox import Acquia, Apptus
from erasure.worker import follow, lanes
from tests.desk import Desk, until

from .shop import AcquiaShop, ApptusShop, Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, settings="tests.crash.settings") as desk:
        yield desk


def set_aside(shop: Shop, reference: str) -> dict[str, Any]:
    """Waits for the poisoned case to need attention."""
    return dict(until(lambda: (found := shop.look(reference))["work"] == "needs_attention" and found, 120, every=0.5))


def told(shop: Shop, reference: str, action: str) -> list[dict[str, Any]]:
    return [event for event in shop.trail(reference) if event["action"] == action]


@pytest.mark.parametrize(("step", "when"), [("await_export", "before"), ("start_removal", "after")])
def test_one_poisoned_case_ends_at_needs_attention_and_the_rest_of_its_lane_at_its_end(
    desk: Desk, step: str, when: str
) -> None:
    with Apptus(archive_days=0).start() as apptus:
        shop = ApptusShop(desk, apptus)
        shop.poison(step, "C-13", when)
        poisoned, *others = shop.approved_at_once("C-13", "C-1", "C-2", "C-3")
        desk.start("work")
        for reference in others:
            assert shop.ends(reference)["status"] == "completed"
        found = set_aside(shop, poisoned)
        assert (found["status"], found["attention"]) == ("in_progress", "too_many_tries")
        assert len(shop.deaths()) <= max(lanes.MAX_ATTEMPTS, follow.MAX_UNKNOWNS + 1)
        sent = [event for event in told(shop, poisoned, "sub_task.sending") if event["step"] == step]
        writes = step == "start_removal"
        assert len(sent) == (len(shop.deaths()) if writes else 0), "each try stands in the trail before it is made"
        for customer, reference in zip(("C-1", "C-2", "C-3"), others, strict=True):
            hold_to_promises(shop, customer, reference)
        removals = [entry for entry in shop.effects("C-13") if entry.effect == "removal_started"]
        assert len(removals) == len(sent)
        assert len(told(shop, poisoned, "sub_task.may_repeat")) == max(0, len(sent) - 1)
        verify_trail(desk)


def test_one_poisoned_identifier_among_many_is_found_and_the_others_are_taken(desk: Desk) -> None:
    with Acquia().start() as acquia:
        shop = AcquiaShop(desk, acquia)
        customers = [f"C-{number}" for number in range(12)]
        shop.poison("submit", "C-7", "before")
        references = dict(zip(customers, shop.approved_at_once(*customers), strict=True))
        desk.start("work")
        poisoned = references.pop("C-7")
        for reference in references.values():
            assert shop.ends(reference)["outcomes"] == ["pending"]
        found = set_aside(shop, poisoned)
        assert (found["status"], found["attention"]) == ("in_progress", "too_many_tries")
        assert shop.deaths() == [12, 6, 3, *[1] * lanes.MAX_ATTEMPTS], "it is halved before anybody is blamed"
        assert sorted(customer for ids in shop.batches() for customer in ids) == sorted(references)
        assert acquia.pending() == set(references)
        verify_trail(desk)
