"""What the tests of batches share: one Acquia account at a stand-in; its lane and its time are run by hand."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from compliance.audit.models import Event
from erasure import vendors
from erasure.models import Call, Case, SubTask, Vendor
from erasure.sandbox import Acquia
from erasure.worker import lanes, settle, signing_in, steps, sweep
from tests import factories

PACE = {"first_poll_seconds": 60, "max_poll_seconds": 240, "calls_per_minute": 1000, "parallel_calls": 10}


class Cdp:
    """The lane of one Acquia account. Nothing runs by itself: no queue, no sweep, no clock."""

    def __init__(self, acquia: Acquia, turn: Callable[[datetime | timedelta], datetime]) -> None:
        self.acquia, self._turn = acquia, turn
        self._turn(acquia.clock.now())  # the same moment: neither is ahead when a second ends between the two
        self.vendor = self.save()

    def turn(self, by: timedelta) -> datetime:
        """Moves time on, here and at the vendor, who takes no date that is in its future."""
        self.acquia.clock.advance(by / timedelta(days=1))
        return self._turn(by)

    def turn_to(self, at: datetime) -> None:
        """Moves time on to just after `at`, if it is yet to come."""
        self.turn(max(timedelta(0), at - self._turn(timedelta(0))) + timedelta(seconds=1))

    def save(self, **values: Any) -> Vendor:
        """The account, made or changed as staff would."""
        if hasattr(self, "vendor"):
            return vendors.save({"name": self.vendor.name} | values)
        usual: dict[str, Any] = {
            "name": "CDP",
            "connector": "acquia",
            "base_url": self.acquia.url,
            "options": {"tenant_id": "1234"},
            "credentials": {"token": self.acquia.credentials["token"]},
            "pace": PACE,
        }
        return vendors.save(usual | values)

    def sign_in_instead(self) -> None:
        """From now on with user and password."""
        credentials = {"token": "", **{name: self.acquia.credentials[name] for name in ("username", "password")}}
        self.save(options={"token_url": self.acquia.url}, credentials=credentials)

    def account(self) -> Vendor:
        return Vendor.objects.get(pk=self.vendor.pk)

    def case(self, *ids: str, held: bool = True, **values: Any) -> Case:
        """An approved case of these customer ids, which the vendor holds."""
        for customer_id in ids if held else ():
            self.acquia.hold(customer_id)
        return factories.approved_case(identifiers=[("customer_id", customer_id) for customer_id in ids], **values)

    def cases(self, count: int, prefix: str = "C") -> list[Case]:
        return [self.case(f"{prefix}-{number}") for number in range(count)]

    def work(self, case: Case) -> SubTask:
        return SubTask.objects.select_related("case__data_key", "vendor__data_key", "revision").get(case=case)

    def run(self) -> None:
        sweep.tick()
        lanes.run(str(self.vendor.pk))

    def run_all(self, passes: int = 40) -> None:
        """Runs until nothing is due within an hour."""
        for _pass in range(passes):
            self.run()
            due = SubTask.objects.filter(status__in=["ready", "waiting"]).order_by("next_at").first()
            if due is None or due.next_at > self.turn(timedelta(0)) + timedelta(hours=1):
                return
            account = self.account()
            self.turn_to(max(filter(None, (due.next_at, account.trial_at, account.not_before))))
        raise AssertionError("the lane never comes to rest")

    def once(self) -> Call:
        """One pass: claim, call, settle; or a sign-in."""
        claim = lanes.next_claim(self.vendor.pk)
        assert claim, "nothing was claimed"
        if isinstance(claim, signing_in.SignIn):
            signing_in.settle(claim, signing_in.perform(claim))
        else:
            settle.settle(claim, steps.perform(claim))
        return Call.objects.get(pk=claim.call.pk)

    def told(self, action: str) -> list[dict[str, Any]]:
        return [event.details for event in Event.objects.filter(action=action).order_by("pk")]

    def batches(self) -> list[list[str]]:
        """The ids of each erasure call that the vendor received, in their order."""
        entries = self.acquia.journal.entries()
        return [json.loads(entry.body)["customerIds"] for entry in entries if entry.path.endswith("/dw/dataerasure")]
