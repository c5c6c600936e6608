"""What the tests with real processes share: a desk's account at a stand-in, its cases, and what to hold them to.

`Shop` knows no vendor; there is a subclass for each, and several may share a desk.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from erasure.connectors.http.verdicts import NO_ANSWER
from erasure.sandbox import Acoustic, Acquia, Apptus, Entry, StandIn
from tests.crash.apps import KILLED, POISON, SWITCH
from tests.desk import Desk, until

FACTORIES = "from tests.factories import *"
PACE = {"first_poll_seconds": 1, "max_poll_seconds": 1, "calls_per_minute": 6000, "parallel_calls": 4}


class Shop:
    """An account of a desk whose vendor is a stand-in in this process.

    request     the kind of its cases
    kind        of the one identifier that a case has
    outcome     of that identifier in the end
    given       the names of the credentials that the account is given
    together    how many cases one call may serve
    effects_of  step → the effect that it has by the vendor's journal, and how often in a case
    renewed_by  step → those of which no answer came that it is done again for; the trail then names *them*
    """

    request = "erasure"
    kind: str
    outcome = "erased"
    given: Sequence[str]
    together = 1
    pace: Mapping[str, int] = PACE
    effects_of: Mapping[str, tuple[str, int]]
    renewed_by: Mapping[str, Sequence[str]] = {}

    def __init__(self, desk: Desk, vendor: StandIn, address: str = "", name: str = "") -> None:
        """`address`: where the account finds the vendor, if something stands between. `name`: of the account, if it is
        not the vendor's."""
        self.desk, self.vendor, self.address = desk, vendor, address or vendor.url
        self.name = name or vendor.key
        self._before = 0
        account = {
            "name": self.name,
            "connector": vendor.key,
            "base_url": self.address,
            "credentials": {name: vendor.credentials[name] for name in self.given},
            "options": self.options(),
            "pace": self.pace,
        }
        desk.run("vendor(**account)", FACTORIES, account=account)

    # --- what a vendor adds ---

    def options(self) -> dict[str, Any]:
        return {}

    def value(self, customer: str) -> str:
        """The identifier that stands in this customer's case."""
        return customer

    def hold(self, customer: str) -> None:
        """Makes the vendor hold data about this customer."""
        self.vendor.hold(self.value(customer))

    def holds(self, customer: str) -> bool:
        return self.value(customer) in self.vendor.held()

    def done(self, customer: str) -> bool:
        """Whether the vendor has done what the case asked for."""
        return not self.holds(customer)

    def at(self, entry: Entry) -> str:
        """When the vendor received a call, by the clock that the desk's trail goes by."""
        return entry.at.isoformat()

    def busy(self) -> bool:
        """Whether the vendor has something to do that only needs its time."""
        return False

    def effects(self, customer: str) -> list[Entry]:
        """What the vendor did for this customer, oldest first, by the vendor's own journal."""
        raise NotImplementedError

    def has_ended(self, case: Mapping[str, Any]) -> bool:
        """Whether the desk has nothing more to do for a case by itself."""
        return bool(case["status"] != "in_progress")

    def confirm(self, *references: str) -> None:
        """Where a vendor does not report the end, a person does: ends these cases, once the vendor has acted."""

    def expose(self, step: str) -> None:
        """Makes sure that a worker will come to this step."""

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        """What `hold_to_promises` leaves to the vendor."""

    # --- cases ---

    def approved(self, customer: str) -> str:
        """The reference of a case in progress about a customer whom the vendor holds."""
        return self.approved_at_once(customer)[0]

    def approved_at_once(self, *customers: str) -> list[str]:
        """The same for each of these, a case for each; no worker sees one of them before all are approved."""
        for customer in customers:
            self.hold(customer)
        self._before = len(self.vendor.journal.entries())
        code = """
            from django.db import transaction
            people = {"by": person("olive", "intake"), "approver": person("ada", "approver"), "vendors": [account]}
            with transaction.atomic():
                cases = [approved_case(kind=kind, identifiers=[item], **people) for item in identifiers]
            result = [case.reference for case in cases]
        """
        names = {
            "account": self.name,
            "kind": self.request,
            "identifiers": [(self.kind, self.identifier(customer)) for customer in customers],
        }
        return list(self.desk.run(code, FACTORIES, **names))

    def identifier(self, customer: str) -> str:
        """What staff enter for this customer."""
        return self.value(customer)

    def look(self, reference: str) -> dict[str, Any]:
        """The case as it stands; the vendor's time goes on meanwhile, for as long as it needs some."""
        if self.busy():
            self.vendor.clock.advance(0.5)
        code = """
            from erasure.models import Case
            case = Case.objects.get(reference=reference)
            work = case.sub_tasks.get(follows=None)
            again = case.sub_tasks.filter(follows=work).first()
            result = {
                "status": case.status, "step": work.step, "work": work.status, "attention": work.attention_code,
                "outcomes": list(work.identifiers.values_list("outcome", flat=True)), "references": work.references,
                "memory": bool(work.memory_sealed), "attempts": work.attempts,
                "again": again and again.status, "assurance": work.assurance,
            }
        """
        return dict(self.desk.run(code, reference=reference))

    def ends(self, reference: str, seconds: float = 120) -> dict[str, Any]:
        """Waits for the desk to have done all it can for the case, and returns it."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.look(reference))
            assert found["work"] != "needs_attention", found
            return self.has_ended(found)

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

    def lately(self) -> list[Entry]:
        """The vendor's journal since the newest cases were approved."""
        return self.vendor.journal.entries()[self._before :]

    def strike_at(self, point: str, step: str, signal: str = "SIGKILL") -> Path:
        """The first worker that comes to this point of this step sends itself the signal. Returns the file that is
        gone once it has."""
        self.expose(step)
        switch = self.desk.folder / SWITCH
        told = {"point": point, "step": step, "signal": signal}
        switch.with_suffix(".new").write_text(json.dumps(told))
        return switch.with_suffix(".new").rename(switch)

    def poison(self, step: str, customer: str, when: str) -> None:
        """From now on, this step kills every worker that runs it for this customer."""
        told = {"step": step, "value": self.identifier(customer), "when": when}
        (self.desk.folder / POISON).write_text(json.dumps(told))

    def deaths(self) -> list[int]:
        """How many identifiers each call carried that the poison has killed a worker at."""
        mark = self.desk.folder / KILLED
        return [int(line) for line in mark.read_text().split()] if mark.exists() else []


class ApptusShop(Shop):
    vendor: Apptus
    kind = "customer_id"
    given = ("username", "password")
    effects_of = {
        "start_export": ("export_started", 1),
        "fetch_export": ("export_fetched", 1),
        "start_removal": ("removal_started", 1),
    }
    # A download that was lost is followed by a fresh export.
    renewed_by = {"start_export": ["fetch_export"], "fetch_export": ["fetch_export"]}

    def value(self, customer: str) -> str:
        return hashlib.sha256(customer.encode()).hexdigest()

    def identifier(self, customer: str) -> str:
        return customer

    def busy(self) -> bool:
        now = self.vendor.clock.now()
        return any(job.done > now for job in list(self.vendor.jobs.values()))

    def effects(self, customer: str) -> list[Entry]:
        entries = [entry for entry in self.vendor.journal.entries() if entry.effect]
        mine = {entry.job for entry in entries if entry.query.get("customerKey") == self.value(customer)}
        return [entry for entry in entries if entry.job in mine]

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        """No removal before the export, and every export fetched once at most."""
        kinds = [entry.effect for entry in self.effects(customer)]
        before = kinds[: kinds.index("export_fetched")]
        assert "removal_started" not in before, "a removal before the export was fetched"
        fetched = [entry.job for entry in self.effects(customer) if entry.effect == "export_fetched"]
        assert len(fetched) == len(set(fetched)), "one export fetched twice"


class AgainShop(ApptusShop):
    """It is asked again a second after its part has ended; what it did before that counts elsewhere."""

    effects_of = {"start_again": ("export_started", 1), "fetch_again": ("export_fetched", 1)}
    renewed_by = {"start_again": ["fetch_again"], "fetch_again": ["fetch_again"]}

    def options(self) -> dict[str, Any]:
        return {"ask_again_after_seconds": 1}

    def effects(self, customer: str) -> list[Entry]:
        all_ = super().effects(customer)
        removal = max(number for number, entry in enumerate(all_) if entry.effect == "removal_started")
        return all_[removal + 1 :]

    def has_ended(self, case: Mapping[str, Any]) -> bool:
        assert case["again"] != "needs_attention", case
        return super().has_ended(case) and case["again"] == "done"

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        """Nothing was removed, each export was fetched once at most, and the proof is the better one."""
        fetched = [entry.job for entry in self.effects(customer) if entry.effect == "export_fetched"]
        assert len(fetched) == len(set(fetched)), "one export fetched twice"
        assert self.look(reference)["assurance"] == "asked_again"


class AcousticShop(Shop):
    """Each customer is on one x1ID with two identifiers, in a file each. Cases must not overlap: whom a job is for
    stands in the data that it is sent, and a job of which the desk never heard is sent none."""

    vendor: Acoustic
    kind = "email"
    given = ("account_key",)
    effects_of = {
        "create_job": ("job_created", 1),
        "upload": ("data_received", 1),
        "delete_file": ("file_deleted", 2),
        "complete": ("job_completed", 1),
    }
    renewed_by = {"upload": ["upload"]}

    def __init__(self, desk: Desk, vendor: Acoustic, address: str = "", name: str = "") -> None:
        vendor.switch(rows_per_file=1)
        super().__init__(desk, vendor, address, name)

    def value(self, customer: str) -> str:
        return f"{customer}@example.org"

    def pairs(self, customer: str) -> list[tuple[str, str]]:
        return [("email", self.value(customer)), ("cookieId", f"cookie-of-{customer}")]

    def hold(self, customer: str) -> None:
        self.vendor.hold(self.pairs(customer), x1_id=f"x1-{customer}")

    def holds(self, customer: str) -> bool:
        return f"x1-{customer}" in self.vendor.held()

    def busy(self) -> bool:
        now = self.vendor.clock.now()
        return any(now < (job.ends or job.opens) for job in list(self.vendor.jobs.values()))

    def effects(self, customer: str) -> list[Entry]:
        return [entry for entry in self.lately() if entry.effect]

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        """Nothing is deleted before all that is listed has been fetched and is stored, and each file once; one job is
        sent the identifiers."""
        entries = self.lately()
        first = min(self.at(entry) for entry in entries if entry.method == "DELETE")
        stored = {e["sha256"] for e in self.trail(reference) if e["action"] == "evidence.stored" and e["at"] < first}
        code = """
            from erasure import evidence
            from erasure.models import Evidence
            found = Evidence.objects.filter(case__reference=reference, kind="output").select_related("case__data_key")
            result = [[item.sha256, evidence.open_evidence(item).read().decode()] for item in found]
        """
        kept = [text for sha256, text in self.desk.run(code, reference=reference) if sha256 in stored]
        for _kind, value in self.pairs(customer):
            assert any(value in text for text in kept), "deleted before what it names was stored"
        deleted = [entry.target for entry in entries if entry.effect == "file_deleted"]
        assert len(deleted) == len(set(deleted)), "one file deleted twice"
        assert len({entry.job for entry in entries if entry.effect not in ("", "job_created")}) == 1


class AcquiaShop(Shop):
    """Signs in with user and password. A case ends here when it waits for the vendor to act."""

    vendor: Acquia
    kind = "customer_id"
    given = ("username", "password")
    together = 5
    effects_of = {"submit": ("erasure_queued", 1)}

    def __init__(self, desk: Desk, vendor: Acquia, address: str = "", name: str = "") -> None:
        super().__init__(desk, vendor, address, name)
        self._tokens = 1  # as many as it may have asked for

    def options(self) -> dict[str, Any]:
        return {**self.vendor.options, "token_url": self.address}

    def effects(self, customer: str) -> list[Entry]:
        return [entry for entry in self.vendor.journal.entries() if customer in entry.ids]

    def batches(self) -> list[list[str]]:
        """The ids of each erasure call that the vendor received, in their order."""
        entries = self.vendor.journal.entries(path="/dw/dataerasure")
        return [json.loads(entry.body)["customerIds"] for entry in entries]

    def expose(self, step: str) -> None:
        """To strike at a sign-in, the account forgets the token that it has."""
        code = """
            from django.db import transaction
            from erasure import vendors
            from erasure.models import Vendor
            with transaction.atomic():
                vendors.drop_token(Vendor.locked(Vendor.objects.get(connector="acquia").pk))
        """
        if step == "sign_in":
            self._tokens += bool(self.vendor.journal.entries(effect="token_made"))
            self.desk.run(code)

    def has_ended(self, case: Mapping[str, Any]) -> bool:
        return (case["work"], case["step"]) == ("waiting", "await_acting")

    def act(self) -> None:
        """Time passes until the vendor has acted."""
        self.vendor.clock.advance(self.vendor.acting.days)

    def confirm(self, *references: str) -> None:
        self.act()
        code = """
            from erasure import lifecycle
            from erasure.models import SubTask
            for reference in references:
                lifecycle.attest(SubTask.objects.get(case__reference=reference), by=person("ada"), note="Completed.")
        """
        self.desk.run(code, FACTORIES, references=references)

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        """The case says under which number the vendor has queued it, or when it was sent if the answer was lost. No
        token was made without a word before, nor another one unless a sign-in was lost."""
        (event,) = [event for event in self.vendor.events.values() if customer in event.ids]
        (queued,) = self.effects(customer)
        code = """
            from erasure.models import Call
            calls = Call.objects.filter(vendor__connector="acquia", step="sign_in").order_by("started_at")
            signed_in = [[call.started_at.isoformat(), call.code] for call in calls]
            calls = Call.objects.filter(sub_tasks__case__reference=reference, step="submit").order_by("started_at")
            result = signed_in, [call.started_at.isoformat() for call in calls]
        """
        signed_in, sent = self.desk.run(code, reference=reference)
        references = self.look(reference)["references"]
        if sent[-1] < self.at(queued):
            assert references == {"event": event.event_id}
        else:
            assert references.keys() == {"sent_without_event"}
            assert references["sent_without_event"] in [f"{at[:19]}Z" for at in sent]
        made = self.vendor.journal.entries(effect="token_made")
        lost = [code for _at, code in signed_in if code in ("worker_lost", *NO_ANSWER)]
        assert len(signed_in) >= len(made) >= 1
        assert len(made) <= self._tokens + len(lost), "a further token, though nothing was lost"
        for (at, _code), entry in zip(signed_in, made, strict=False):
            assert at < self.at(entry), "a sign-in was sent before it was recorded"


def hold_to_promises(shop: Shop, customer: str, reference: str) -> None:
    """Each effect at the vendor as often as it takes and no more, or the trail names each further one; nothing sent
    without a word before; nothing left behind. And what the vendor adds."""
    effects, trail = shop.effects(customer), shop.trail(reference)
    may_repeat = [event["step"] for event in trail if event["action"] == "sub_task.may_repeat"]
    unknown = [event["step"] for event in trail if event["action"] == "sub_task.unknown"]
    for step, (effect, usual) in shop.effects_of.items():
        done = [entry for entry in effects if entry.effect == effect]
        told = [event["at"] for event in trail if event["action"] == "sub_task.sending" and event["step"] == step]
        assert len(told) >= len(done) >= usual, (step, told, done)
        for at, entry in zip(told, done, strict=False):
            assert at < shop.at(entry), f"{step} was sent before the trail said so"
        named = may_repeat.count(step) + sum(unknown.count(lost) for lost in shop.renewed_by.get(step, ()))
        assert len(done) <= usual + named, f"{effect} {len(done)} times, {named} named"
    shop.hold_to_its_own(customer, reference)
    assert shop.done(customer), "it was not done"


def verify_trail(desk: Desk) -> None:
    out = desk.folder / "trail.csv"
    desk.manage("export_audit", "--out", str(out))
    desk.manage("verify_audit", str(out))
