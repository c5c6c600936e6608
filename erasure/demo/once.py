"""`manage.py demo --once`: the main job, headless, and an honest exit code.

One case goes through all three vendors and the paper archive. The oracle is what the vendors have in their own journals
and hold at the end, never the desk's database.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from compliance.audit import seal, verify
from compliance.audit.actions import EXPORTED, summarise
from compliance.audit.models import Event, PendingEvent
from compliance.staff.models import User
from erasure import lifecycle
from erasure.errors import Conflict
from erasure.models import Case, SubTask, Vendor
from erasure.sandbox import Entry, StandIn
from erasure.states import Assurance, CaseStatus, Held, IdentifierState, Outcome, SubTaskStatus
from erasure.worker import heartbeat

from . import cases, parts
from .parts import StandIns

ROUND_SECONDS = 0.25
DAYS_A_ROUND = 0.75  # of the vendors' time
NAME = "Eva Example"

#: What each vendor must have said of each identifier: vendor, kind → outcome, held, proof.
_GONE = (Outcome.ERASED, Held.YES, Assurance.CONFIRMED)
EXPECTED = {
    ("cdp", "customer_id"): _GONE,
    ("exchange", "email"): _GONE,
    ("paper-archive", "email"): (Outcome.ERASED, Held.UNKNOWN, Assurance.CONFIRMED),
    ("shop-search", "customer_id"): _GONE,
    ("shop-search", "cookie_id"): _GONE,
}
#: What the vendors must have done, each in this order and nothing else: Apptus for each key of the person.
APPTUS = ["export_started", "export_fetched", "removal_started"]
ACQUIA = ["erasure_queued"]
ACOUSTIC = ["job_created", "data_received", "file_fetched", "file_deleted", "job_completed"]


class Failed(Exception):
    """Something is not as it should be; the text says what."""


def run(say: Callable[[str], None]) -> Path:
    """Opens, approves and carries out one case; returns the path of the verified trail. Raises `Failed`."""
    until = time.monotonic() + parts.LIMIT_SECONDS
    parts.fresh_database()
    log = Path(settings.DATA_DIR) / "worker.log"
    with parts.stand_ins() as stand_ins, parts.worker(log) as worker:
        people = cases.make_people()
        cases.make_vendors(stand_ins, acts_after_days=0)
        for stand_in in stand_ins:
            say(f"Sandbox vendor {stand_in.label} at {stand_in.url}")
        say("The vendors' days pass while the desk waits for them.\n")
        case = cases.open_one(people["intake"], NAME, external_id="crm-991")
        lifecycle.submit(case, by=people["intake"])
        run = Run(case, stand_ins, people, worker, until, say)
        run.wait_for_worker()
        if any(stand_in.journal.entries() for stand_in in stand_ins):
            raise Failed("A vendor was called before the approval.")
        cases.approve(case, people["approver"])
        run.follow()
    check_outcomes(case, say)
    check_journals(case, stand_ins, say)
    return check_trail(say)


class Run:
    """One case on its way: shows what happens, and does what people do."""

    def __init__(
        self,
        case: Case,
        stand_ins: StandIns,
        people: dict[str, User],
        worker: subprocess.Popen[bytes],
        until: float,
        say: Callable[[str], None],
    ) -> None:
        self.case, self.stand_ins, self.people, self.worker = case, stand_ins, people, worker
        self.until, self.say = until, say
        self.shown = 0

    def wait_for_worker(self) -> None:
        """The worker runs while the case still awaits its approval: nothing but the approval may hold it back."""
        while heartbeat.age() is None:
            self._round("The worker has not started")

    def follow(self) -> None:
        """Until the case has ended."""
        while CaseStatus(self.case.status).is_open:
            self._round("The case has not ended")
            self.stand_ins.hurry(DAYS_A_ROUND)
            for sub_task in self.case.sub_tasks.filter(status=SubTaskStatus.NEEDS_ATTENTION):
                raise Failed(f"{sub_task.vendor} needs attention: {sub_task.attention_text}")
            for vendor in Vendor.objects.exclude(pause=""):
                raise Failed(f"{vendor} is paused: {vendor.pause_note}")
            with suppress(Conflict):  # the worker was faster: the next round sees what there is to do now
                self._decide()
            self.case.refresh_from_db()
        self._show()

    def _round(self, late: str) -> None:
        self._show()
        if self.worker.poll() is not None:
            raise Failed(f"The worker ended by itself; {settings.DATA_DIR}/worker.log says why.")
        if time.monotonic() > self.until:
            raise Failed(f"{late} within {parts.LIMIT_SECONDS:g} s; {settings.DATA_DIR}/worker.log may say why.")
        time.sleep(ROUND_SECONDS)

    def _show(self) -> None:
        for event in Event.objects.filter(case=self.case.reference, pk__gt=self.shown).order_by("pk"):
            self.shown = event.pk
            self.say(f"{timezone.localtime(event.at):%H:%M:%S}  {self._actor(event):<8}  {summarise(event)}")

    def _actor(self, event: Event) -> str:
        names = {f"user:{person.pk}": name for name, person in self.people.items()}
        return names.get(event.actor, event.actor.removeprefix("system:"))

    def _decide(self) -> None:
        """What people do: one accepts what Exchange found, another approves it; the CDP's screen is looked at; the
        folder is shredded last."""
        clerk, approver = self.people["intake"], self.people["approver"]
        found = self.case.identifiers.filter(state=IdentifierState.PROPOSED)
        if found:
            lifecycle.decide(self.case, by=clerk, accept=[item.pk for item in found], dismiss=[])
            cases.approve(self.case, approver)
        at_cdp = cases.work_at(self.case, "cdp", SubTaskStatus.AWAITING_ATTESTATION)
        if at_cdp and self.stand_ins.shows_completed(event := at_cdp.references["event"]):
            self.say(f"          approver  sees on the screen of Acquia CDP: event {event} is completed")
            lifecycle.attest_reference(at_cdp.vendor, event, by=approver, note="Its screen says completed.")
        paper = cases.work_at(self.case, "paper-archive", SubTaskStatus.AWAITING_ATTESTATION)
        if paper and not self.case.sub_tasks.filter(by_hand=False).exclude(status=SubTaskStatus.DONE).exists():
            lifecycle.attest(paper, by=clerk, note="The folder was shredded.")


def check_outcomes(case: Case, say: Callable[[str], None]) -> None:
    """Prints what came of each identifier at each vendor, and compares it with what should have."""
    say(f"\n{case.reference} is {CaseStatus(case.status).label}.")
    found = {}
    for sub_task in SubTask.objects.filter(case=case).select_related("vendor"):
        for item in sub_task.identifiers.select_related("identifier"):
            said = Outcome(item.outcome), Held(item.held), Assurance(item.assurance)
            found[sub_task.vendor.slug, item.identifier.kind] = said
            outcome, held, proof = (word.label for word in said)
            say(f"  {sub_task.vendor.name:<14} {item.identifier.kind:<12} {outcome}, held: {held}, proof: {proof}")
    for key in sorted(found.keys() | EXPECTED.keys()):
        if found.get(key) != EXPECTED.get(key):
            raise Failed(f"What came of the {key[1]} at {key[0]} is not what it should be.")
    if case.status != CaseStatus.COMPLETED:
        raise Failed("The case is not completed.")


def check_journals(case: Case, stand_ins: StandIns, say: Callable[[str], None]) -> None:
    """What the vendors saw: the right effects in the right order, each after its approval, and nothing left."""
    say("\nWhat the vendors did, by their own journals:")
    for stand_in in stand_ins:
        say(f"  {stand_in.label:<18} {', '.join(entry.effect for entry in _effects(stand_in))}")
    first, second = (revision.approved_at for revision in case.revisions.order_by("number"))
    shop, (cookie,) = Vendor.objects.get(slug="shop-search").speaks(), case.identifiers.filter(kind="cookie_id")
    customer_id = cases.customer_id_of(NAME)

    by_key: dict[str, list[Entry]] = {}
    keys = {entry.job: entry.query.get("customerKey", "") for entry in stand_ins.apptus.journal.entries(path="-job")}
    for entry in _effects(stand_ins.apptus):
        by_key.setdefault(keys[entry.job], []).append(entry)
    _compare("Apptus, customer id", by_key.pop(shop.as_sent("customer_id", customer_id), []), APPTUS, first)
    _compare("Apptus, cookie id", by_key.pop(shop.as_sent("cookie_id", cookie.value()), []), APPTUS, second)
    _compare("Apptus, others", [entry for entries in by_key.values() for entry in entries], [], first)
    _compare("Acquia CDP", _effects(stand_ins.acquia), ACQUIA, first)
    _compare("Acoustic Exchange", _effects(stand_ins.acoustic), ACOUSTIC, first)
    if [entry.ids for entry in _effects(stand_ins.acquia)] != [(customer_id,)]:
        raise Failed("Acquia CDP was not asked for exactly the one customer id.")
    for stand_in in stand_ins:
        if stand_in.held():
            raise Failed(f"{stand_in.label} still holds data of the person.")


def _effects(stand_in: StandIn) -> list[Entry]:
    return [entry for entry in stand_in.journal.entries() if entry.effect]


def _compare(whose: str, done: Sequence[Entry], expected: Sequence[str], approved_at: datetime | None) -> None:
    effects = [entry.effect for entry in done]
    if effects != expected:
        raise Failed(f"{whose}: the journal says {', '.join(effects) or 'nothing'}; that is not what it should be.")
    if approved_at is None or any(entry.at < approved_at for entry in done):
        raise Failed(f"{whose}: the vendor was called before the approval.")


def check_trail(say: Callable[[str], None]) -> Path:
    """Writes the whole trail with what proves it beside it, and verifies it as an auditor would, by the public key."""
    path, key = Path(settings.DATA_DIR) / "audit.csv", Path(settings.DATA_DIR) / "audit-key.txt"
    call_command("export_audit", out=path, verbosity=0)
    with key.open("w") as file:
        call_command("audit_key", stdout=file)
    status, text = verify.run(path, public_key=key)
    if status:
        raise Failed(text)
    checkpoint = seal.newest()
    if checkpoint is None or PendingEvent.objects.exclude(event__action=EXPORTED).exists():
        raise Failed("Events are not sealed.")
    say(f"\nThe trail is in {path}, sealed in a checkpoint of {checkpoint.size} events:\n{text}")
    return path
