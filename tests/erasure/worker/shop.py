"""What the tests with real processes share: a desk with one Apptus account, its cases, and what to hold them to."""

import hashlib
import json
from pathlib import Path
from typing import Any

from erasure.sandbox import Apptus
from tests.crash.apps import SWITCH
from tests.desk import Desk, until

FACTORIES = "from tests.factories import *"


class Shop:
    """A desk whose one vendor is a stand-in in this process."""

    def __init__(self, desk: Desk, apptus: Apptus) -> None:
        self.desk, self.apptus = desk, apptus
        pace = {"first_poll_seconds": 1, "max_poll_seconds": 1, "calls_per_minute": 6000, "parallel_calls": 4}
        credentials = {"username": "sandbox", "password": "sandbox-password"}
        desk.run(
            "vendor(base_url=url, credentials=credentials, pace=pace)",
            FACTORIES,
            url=apptus.url,
            credentials=credentials,
            pace=pace,
        )

    def key(self, customer: str) -> str:
        return hashlib.sha256(customer.encode()).hexdigest()

    def approved(self, customer: str) -> str:
        """The reference of a case in progress about a customer whom the vendor holds."""
        self.apptus.hold(self.key(customer))
        code = "result = approved_case(identifiers=[('customer_id', customer)]).reference"
        return str(self.desk.run(code, FACTORIES, customer=customer))

    def look(self, reference: str) -> dict[str, Any]:
        """The case as it stands; the vendor's time goes on meanwhile, for as long as one of its jobs runs."""
        now = self.apptus.clock.now()
        if any(job.done > now for job in list(self.apptus.jobs.values())):
            self.apptus.clock.advance(0.5)
        code = """
            from erasure.models import Case
            case = Case.objects.get(reference=reference)
            work = case.sub_tasks.get()
            result = {
                "status": case.status, "step": work.step, "work": work.status, "attention": work.attention_code,
                "outcomes": list(work.identifiers.values_list("outcome", flat=True)),
                "memory": bool(work.memory_sealed), "attempts": work.attempts,
            }
        """
        return dict(self.desk.run(code, reference=reference))

    def ends(self, reference: str, seconds: float = 40) -> dict[str, Any]:
        """Waits for the case to end, and returns it."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.look(reference))
            assert found["work"] != "needs_attention", found
            return found["status"] != "in_progress"

        try:
            until(ended, seconds, every=0.15)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{found}\n{self.desk.log.read_text()[-3000:]}") from None
        return found

    def trail(self, reference: str) -> list[dict[str, Any]]:
        """The case's events, oldest first: action, time and details."""
        code = """
            from compliance.audit.models import Event
            result = [
                {"action": e.action, "at": e.at.isoformat(), **e.details}
                for e in Event.objects.filter(case=reference).order_by("at", "id")
            ]
        """
        return list(self.desk.run(code, reference=reference))

    def effects(self, customer: str) -> list[Any]:
        """What the vendor did for this customer, oldest first, by the vendor's own journal."""
        entries = [entry for entry in self.apptus.journal.entries() if entry.effect]
        mine = {entry.job for entry in entries if entry.query.get("customerKey") == self.key(customer)}
        return [entry for entry in entries if entry.job in mine]

    def strike_at(self, point: str, step: str, signal: str = "SIGKILL") -> Path:
        """The first worker that comes to this point of this step sends itself the signal. Returns the file that is
        gone once it has."""
        switch = self.desk.folder / SWITCH
        told = {"point": point, "step": step, "signal": signal}
        switch.with_suffix(".new").write_text(json.dumps(told))
        return switch.with_suffix(".new").rename(switch)


EFFECT_OF = {"start_export": "export_started", "fetch_export": "export_fetched", "start_removal": "removal_started"}


def hold_to_promises(shop: Shop, customer: str, reference: str) -> None:
    """At most one effect a step at the vendor, or the trail names each further one; nothing sent without a word
    before; no removal before the export; every export fetched once at most; nothing left behind."""
    effects, trail = shop.effects(customer), shop.trail(reference)
    named = [event["step"] for event in trail if event["action"] == "sub_task.may_repeat"]
    unknown = [event["step"] for event in trail if event["action"] == "sub_task.unknown"]
    for step, effect in EFFECT_OF.items():
        done = [entry for entry in effects if entry.effect == effect]
        told = [event["at"] for event in trail if event["action"] == "sub_task.sending" and event["step"] == step]
        assert len(told) >= len(done) >= 1, (step, told, done)
        for at, entry in zip(told, done, strict=False):
            assert at < entry.at.isoformat(), f"{step} was sent before the trail said so"
        excused = named.count(step)
        if step == "start_export":
            excused += unknown.count("fetch_export")  # a download that was lost is followed by a fresh export
        if step == "fetch_export":
            excused += unknown.count("fetch_export")
        assert len(done) <= 1 + excused, f"{effect} {len(done)} times, {excused} named"
    kinds = [entry.effect for entry in effects]
    assert "removal_started" not in kinds[: kinds.index("export_fetched")], "a removal before the export was fetched"
    fetched = [entry.job for entry in effects if entry.effect == "export_fetched"]
    assert len(fetched) == len(set(fetched)), "one export fetched twice"
    assert shop.key(customer) not in shop.apptus.held()


def verify_trail(desk: Desk) -> None:
    out = desk.folder / "trail.csv"
    desk.manage("export_audit", "--out", str(out))
    desk.manage("verify_audit", str(out))
