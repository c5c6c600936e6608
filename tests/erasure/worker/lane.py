"""What the in-process tests of the engine share: one account at a stand-in; its lane and its time are run by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django_q.models import OrmQ

from compliance.audit.models import Event
from erasure import vendors
from erasure.models import Call, Case, SubTask, Vendor
from erasure.sandbox import Apptus
from erasure.worker import claims, lanes
from tests import factories

GOOD = {"username": "sandbox", "password": "sandbox-password"}
PACE = {"first_poll_seconds": 60, "max_poll_seconds": 240, "calls_per_minute": 1000, "parallel_calls": 10}


class Lane:
    """The lane of one Apptus account. Nothing runs by itself: no queue, no sweep, no clock."""

    def __init__(self, apptus: Apptus, turn: Callable[[datetime | timedelta], datetime]) -> None:
        self.apptus, self.turn = apptus, turn
        turn(timedelta(0))
        self.vendor = self.save()

    def save(self, **values: Any) -> Vendor:
        """The account, made or changed as staff would."""
        if hasattr(self, "vendor"):
            return vendors.save({"name": self.vendor.name} | values)
        return factories.vendor(**{"base_url": self.apptus.url, "credentials": GOOD, "pace": PACE} | values)

    def account(self) -> Vendor:
        return Vendor.objects.get(pk=self.vendor.pk)

    def case(self, **values: Any) -> Case:
        return factories.approved_case(**values)

    def work(self, case: Case | None = None) -> SubTask:
        found = SubTask.objects.select_related("case__data_key", "vendor__data_key", "revision")
        return found.get(case=case) if case else found.get()

    def run(self) -> None:
        lanes.run(str(self.vendor.pk))

    def claim(self) -> claims.Claim:
        claim = lanes.next_claim(self.vendor.pk)
        assert claim, "nothing was claimed"
        return claim

    def due(self, case: Case | None = None) -> None:
        """Moves time on to when the work is due next, past every pace, pause and back-off."""
        at = self.work(case).next_at
        assert at, "the work waits for no time"
        self.turn(at + timedelta(seconds=1))

    def to_step(self, step: str, *, case: Case | None = None) -> SubTask:
        """Drives the work until it is about to run `step`, one call at a time."""
        for _ in range(20):
            work = self.work(case)
            if work.step == step:
                self.due(case)
                return self.work(case)
            self.due(case)
            self.once()
            self.apptus.clock.advance(3)
        raise AssertionError(f"never came to {step}; it is at {work.step}, {work.status}")

    def once(self) -> Call:
        """One pass: claim, call, settle."""
        from erasure.worker import settle, steps

        claim = self.claim()
        settle.settle(claim, steps.perform(claim))
        return Call.objects.get(pk=claim.call.pk)

    def to_end(self, case: Case) -> Case:
        for _ in range(30):
            case.refresh_from_db()
            if case.status != "in_progress" or self.work(case).status == "needs_attention":
                return case
            self.due(case)
            self.run()
            self.apptus.clock.advance(3)
        raise AssertionError(f"no end: {self.work(case).step}, {self.work(case).status}")

    def told(self, action: str) -> list[dict[str, Any]]:
        """The details of every event of this action, oldest first."""
        return [event.details for event in Event.objects.filter(action=action).order_by("pk")]

    def hints(self) -> list[Any]:
        return [row.task for row in OrmQ.objects.all()]

    def effects(self) -> list[str]:
        return [entry.effect for entry in self.apptus.journal.entries() if entry.effect]
