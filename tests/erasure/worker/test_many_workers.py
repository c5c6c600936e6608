"""Batches with real workers and the desk's own times: many cases that wait for the first of them, and two clusters that
want the same ones. What the vendor received is what counts.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erasure.sandbox import Acquia
from tests.desk import Desk, until

from .shop import AcquiaShop, verify_trail

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[AcquiaShop]:
    with Acquia().start() as acquia, Desk(tmp_path) as desk:
        yield AcquiaShop(desk, acquia)


def all_wait(shop: AcquiaShop) -> bool:
    """Whether every case waits for the vendor to act."""
    code = """
        from erasure.models import SubTask
        result = list(SubTask.objects.order_by().values("status", "step").distinct())
    """
    return bool(shop.desk.run(code) == [{"status": "waiting", "step": "await_acting"}])


def hold_to_one_call_each(shop: AcquiaShop, customers: list[str], references: list[str]) -> None:
    """Each customer was in one call and is queued once, and each case has announced one, before it came."""
    entries = shop.vendor.journal.entries(path="/dw/dataerasure")
    assert sorted(customer for ids in shop.batches() for customer in ids) == sorted(customers)
    assert sorted(customer for entry in entries for customer in entry.ids) == sorted(customers)
    code = """
        from compliance.audit.models import Event
        told = Event.objects.filter(case__in=references, action__in=["sub_task.sending", "sub_task.may_repeat"])
        result = [[event.case, event.action, event.details["call"], event.at.isoformat()] for event in told]
    """
    told: list[Any] = shop.desk.run(code, references=references)
    assert {action for _case, action, _call, _at in told} == {"sub_task.sending"}
    assert sorted(case for case, _action, _call, _at in told) == sorted(references)
    sizes = Counter(call for _case, _action, call, _at in told)
    assert sorted(sizes.values()) == sorted(len(ids) for ids in shop.batches())
    came = {customer: entry.at.isoformat() for entry in entries for customer in entry.ids}
    sent = {case: at for case, _action, _call, at in told}
    for customer, reference in zip(customers, references, strict=True):
        assert sent[reference] < came[customer], "it was sent before the trail said so"


def test_450_cases_approved_before_the_first_worker_starts_go_out_in_three_calls(shop: AcquiaShop) -> None:
    customers = [f"C-{number}" for number in range(450)]
    references = shop.approved_at_once(*customers)
    assert not shop.vendor.journal.entries()
    shop.desk.start("work")
    until(lambda: all_wait(shop), 300)
    assert sorted(len(ids) for ids in shop.batches()) == [50, 200, 200]
    assert shop.vendor.pending() == set(customers)
    hold_to_one_call_each(shop, customers, references)
    verify_trail(shop.desk)


def test_two_clusters_send_each_batch_once(shop: AcquiaShop) -> None:
    """The first four wait for both and go together; the rest come while both run, and may part: whichever worker took
    its time just before some of them were due leaves those for the next call."""
    rounds = [[f"C-{number}-{place}" for place in range(4)] for number in range(8)]
    references = shop.approved_at_once(*rounds[0])
    for _cluster in range(2):
        shop.desk.start("work")

    def both_run() -> bool:
        groups = Counter(os.getpgid(pid) for pid in shop.desk.workers())
        return len(groups) == 2 and min(groups.values()) >= 4

    until(both_run, 300)
    for customers in rounds[1:]:
        references += shop.approved_at_once(*customers)
    until(lambda: all_wait(shop), 300)
    hold_to_one_call_each(shop, [customer for customers in rounds for customer in customers], references)
    assert any(set(ids) >= set(rounds[0]) for ids in shop.batches())
    assert both_run()
    verify_trail(shop.desk)
