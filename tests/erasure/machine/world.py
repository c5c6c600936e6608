"""The desk, its vendors and its clock, moved by hand: no queue, no sweep and no time goes on unasked.

Each example runs in one transaction that is rolled back. What the engine commits are savepoints then: nothing of it
depends on another connection, and an example costs no flush of the database.
"""

import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from compliance import clock
from compliance.audit.models import Event
from compliance.staff.models import User
from erasure import intake, lifecycle, vendors
from erasure.errors import DeskError
from erasure.models import Call, Case, Identifier, SubTask, Vendor
from erasure.sandbox import Acoustic, Acquia, Apptus, StandIn
from erasure.sandbox.clock import Clock
from erasure.states import CLAIMABLE, CaseStatus, Pause, SubTaskStatus
from erasure.worker import lanes, settle, signing_in, steps, sweep
from tests.factories import opened_case, person
from tests.trail import forget_the_mark

from .book import Book
from .promises import Promises

BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP, CDP, EXCHANGE, ARCHIVE = "Shop", "CDP", "Exchange", "Archive"
LANES = (SHOP, CDP, EXCHANGE)
STAND_INS: Mapping[str, type[StandIn]] = {SHOP: Apptus, CDP: Acquia, EXCHANGE: Acoustic}
PACE = {"first_poll_seconds": 4 * 3600, "max_poll_seconds": 12 * 3600, "calls_per_minute": 1000, "parallel_calls": 5}
OPTIONS: Mapping[str, dict[str, Any]] = {
    SHOP: {"visitor_key_from": ["cookie_id"], "export_before_erasing": True},
    CDP: {"tenant_id": "1234", "request_origin": "desk"},
    EXCHANGE: {"generate_output": True},
}
#: An option of each account that changes what is done at the vendor, and another value for it.
OTHERWISE = {
    SHOP: {"export_before_erasing": False},
    CDP: {"request_origin": "other"},
    EXCHANGE: {"generate_output": False},
}
NOBODY_LISTENS = "http://127.0.0.1:9"


@dataclass
class Open:
    """A claim in a worker's hands. `came`: what its call brought, once it was made."""

    account: str
    claim: Any
    at: datetime
    came: Any = None

    @property
    def signs_in(self) -> bool:
        return isinstance(self.claim, signing_in.SignIn)


@contextmanager
def servers() -> Iterator[dict[str, StandIn]]:
    """A running stand-in for each account; `renewed` gives it a new memory without another port."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(cls().start()) for name, cls in STAND_INS.items()}


def renewed(old: StandIn, clock: Clock) -> StandIn:
    new = type(old)()
    new.clock, new._server = clock, old._server
    assert new._server is not None
    new._server.stand_in = new
    return new


class World:
    def __init__(self, running: dict[str, StandIn]) -> None:
        self._undo = ExitStack()
        self._undo.enter_context(_rolled_back())
        forget_the_mark()
        self.now = BEGINS
        self._undo.enter_context(patch.object(clock, "now", lambda: self.now))
        self._undo.enter_context(patch.object(uuid, "os", SimpleNamespace(urandom=_stream())))  # the same in a replay
        self._clock = Clock(begins=BEGINS)
        self.stand_ins = {name: renewed(old, self._clock) for name, old in running.items()}
        self.people = [person(name) for name in ("olive", "ada", "ben")]
        self.auditor = person("zoe")  # opens and changes nothing, so that she may approve everything
        self.book = Book(self)
        self.promises = Promises(self.book)
        self.cases: list[Case] = []
        self.open: list[Open] = []
        for name in LANES:
            vendors.save(
                {
                    "name": name,
                    "connector": self.stand_ins[name].key,
                    "base_url": self.stand_ins[name].url,
                    "options": self.options(name),
                    "credentials": self.credentials(name),
                    "pace": PACE,
                }
            )
        vendors.save({"name": ARCHIVE, "connector": "manual", "options": {"instructions": "Room 12"}})

    def close(self) -> None:
        self._undo.close()
        shutil.rmtree(settings.EVIDENCE_DIR, ignore_errors=True)

    # --- accounts ---

    def options(self, name: str) -> dict[str, Any]:
        signs_in = {"token_url": self.stand_ins[name].url} if name == CDP else {}
        return OPTIONS[name] | signs_in

    def credentials(self, name: str) -> dict[str, str]:
        wanted = {SHOP: ("username", "password"), CDP: ("username", "password"), EXCHANGE: ("account_key",)}[name]
        return {word: self.stand_ins[name].credentials[word] for word in wanted}

    def vendor(self, name: str) -> Vendor:
        return Vendor.objects.get(name=name)

    # --- the time ---

    def turn(self, by: timedelta) -> None:
        self.now += by
        self._clock.advance(by / timedelta(days=1))

    def tick(self) -> None:
        cache.delete("sweep:slow")  # its pause is one of real time
        sweep.tick()

    def next_moment(self, *, lane: str = "") -> datetime | None:
        """When the engine has something to do next, of itself."""
        calls = Call.objects.filter(verdict="")
        works = SubTask.objects.filter(case__status=CaseStatus.IN_PROGRESS, next_at__isnull=False, case__held_at=None)
        if lane:
            calls, works = calls.filter(vendor__name=lane), works.filter(vendor__name=lane)
        moments = [call.lease_until for call in calls]
        for work in works.select_related("vendor"):
            account, asks = work.vendor, work.status in CLAIMABLE and not work.acts_unasked
            if asks and (account.pause == Pause.BY_HAND or not account.enabled):
                continue
            waits = (account.not_before, account.trial_at if account.pause else None) if asks else ()
            moments.append(max(filter(None, (work.next_at, *waits))))
        return min(moments, default=None)

    def go_on(self, *, lane: str = "", within: timedelta = timedelta(days=400)) -> bool:
        """Moves time on to what the engine does next. False if that is nothing, or not within this time."""
        at = self.next_moment(lane=lane)
        if at is None or at > self.now + within:
            return False
        self.turn(max(at - self.now, timedelta(0)) + timedelta(seconds=1))
        self.tick()
        return True

    # --- the workers ---

    def lanes_due(self) -> list[str]:
        due = SubTask.objects.filter(status__in=CLAIMABLE, next_at__lte=self.now, case__status=CaseStatus.IN_PROGRESS)
        return sorted(set(due.values_list("vendor__name", flat=True)))

    def busy(self, number: int) -> str:
        """A lane that has work for now or for later, if there is one."""
        works = SubTask.objects.filter(status__in=CLAIMABLE, case__status=CaseStatus.IN_PROGRESS)
        names = sorted({work.vendor.name for work in works.select_related("vendor") if not work.acts_unasked})
        return (names or LANES)[number % len(names or LANES)]

    def claim(self, name: str) -> Open | None:
        claim = lanes.next_claim(self.vendor(name).pk)
        if claim is None:
            return None
        held = Open(name, claim, self.now)
        self.open.append(held)
        if not held.signs_in:
            self.book.claimed(held)
        return held

    def next_claim(self, name: str) -> Open | None:
        """The next claim of a lane, once there is something to claim."""
        held = self.claim(name)
        if held is None and self.go_on(lane=name, within=timedelta(days=31)):
            held = self.claim(name)
        return held

    def perform(self, held: Open, *, unreachable: bool = False) -> None:
        """Makes the call, as late as it is by now."""
        begun = time.monotonic() - (self.now - held.at).total_seconds()
        claim, journal = replace(held.claim, begun=begun), self.stand_ins[held.account].journal
        before = len(journal.entries())
        if held.signs_in:
            held.came = signing_in.perform(claim)
            return
        address = claim.vendor.base_url
        claim.vendor.base_url = NOBODY_LISTENS if unreachable else address
        self.book.about_to_send(held)
        held.came = steps.perform(claim)
        claim.vendor.base_url = address
        self.book.sent(held, journal.entries()[before:])

    def settle(self, held: Open) -> None:
        self.open.remove(held)
        if held.signs_in:
            signing_in.settle(held.claim, held.came)
            return
        with self.book.settling(held):
            settle.settle(held.claim, held.came)

    def drain(self, name: str, most: int = 60) -> None:
        """Work on a lane until nothing is left to claim."""
        for _call in range(most):
            held = self.claim(name)
            if held is None:
                return
            self.perform(held)
            self.settle(held)
        raise AssertionError(f"the lane of {name} never comes to rest")

    # --- the people ---

    def case(self, number: int) -> Case:
        return Case.objects.select_related("data_key").get(pk=self.cases[number % len(self.cases)].pk)

    def open_case(self, kind: str, named_by: Sequence[str], who: int, held: bool) -> Case:
        number, opener = len(self.cases) + 1, self.people[who]
        if held:
            hold(self, number)
        known = identifiers_of(number)
        case = opened_case(by=opener, kind=kind, identifiers=[known[name] for name in named_by])
        self.cases.append(case)
        self.book.opened_by[case.pk] = opener
        self.book.added_by |= dict.fromkeys(case.identifiers.values_list("pk", flat=True), opener)
        return case

    def approve(self, case: Case, person: User, read: Any) -> None:
        with refused_or_done() as told:
            lifecycle.approve(case, by=person, digest=read[0])
        if told.done:
            self.book.approves(case, person, read)

    def add_identifier(self, which: int, name: str, person: User) -> None:
        case = self.case(which)
        kind, value = identifiers_of(self.number(case))[name]
        before = set(case.identifiers.filter(state="accepted").values_list("pk", flat=True))
        with refused_or_done() as told:
            added = intake.add_identifier(case, by=person, kind=kind, value=value)
        if told.done and added.pk not in before:
            self.book.added_by[added.pk] = person

    def remove_identifier(self, which: int, pick: int, person: User) -> None:
        case = self.case(which)
        found = list(case.identifiers.select_related("case__data_key").order_by("created_at", "kind", "id"))
        with refused_or_done() as told:
            if found:
                intake.remove_identifier(found[pick % len(found)], by=person)
        if found and told.done:
            self.book.changed_by[case.pk].add(person)

    def decide(self, which: int, person: User, accept: bool) -> None:
        case = self.case(which)
        found = [item.pk for item in case.identifiers.filter(state="proposed")]
        accepted, dismissed = (found, []) if accept else ([], found)
        with refused_or_done() as told:
            lifecycle.decide(case, by=person, accept=accepted, dismiss=dismissed, note="decided")
        if told.done:
            self.book.added_by |= dict.fromkeys(accepted, person)

    def save(self, name: str, *, by: User | None = None, **values: Any) -> None:
        """Changes an account as staff would."""
        before = self.vendor(name)
        after = vendors.save({"name": name} | values, by=by)
        if (before.enabled, before.options) != (after.enabled, after.options):
            self.book.changes_account(name, by)

    def mend(self, name: str, *, by: User) -> None:
        """An account as it should be. What was changed about it is put back."""
        self.save(name, by=by, enabled=True, options=OPTIONS[name], credentials=self.credentials(name))
        if self.vendor(name).pause:
            vendors.resume(self.vendor(name), by=by)

    def suggested(self) -> bool:
        return Identifier.objects.filter(state="proposed").exists()

    def references(self, name: str) -> list[str]:
        """The numbers that a vendor gave its work."""
        works = SubTask.objects.filter(vendor__name=name).values_list("references", flat=True)
        return sorted({number for found in works for number in found.values()})

    def number(self, case: Case) -> int:
        return [other.pk for other in self.cases].index(case.pk) + 1

    def an_id(self, pick: int) -> str:
        """A customer id of somebody."""
        return identifiers_of(1 + pick % max(1, len(self.cases)))["id" if pick % 2 else "other id"][1]

    def tries(self, work: SubTask) -> int:
        """How often people have tried this again."""
        return Event.objects.filter(action="sub_task.retried", subject=f"sub_task:{work.pk}").count()

    def works(self, *statuses: SubTaskStatus) -> list[SubTask]:
        found = SubTask.objects.filter(status__in=statuses).select_related("case__data_key", "vendor", "revision")
        return list(found.order_by("created_at", "vendor__name"))


@contextmanager
def refused_or_done() -> Iterator[SimpleNamespace]:
    """What people try may be refused: then nothing was done. `done` says which."""
    told = SimpleNamespace(done=True)
    try:
        yield told
    except DeskError:
        told.done = False


def identifiers_of(number: int) -> dict[str, tuple[str, str]]:
    """What the person of this number is known by, each of which a vendor takes."""
    return {
        "id": ("customer_id", f"C-{number}-one"),
        "other id": ("customer_id", f"C-{number}-two"),
        "email": ("email", f"person{number}@example.org"),
        "cookie": ("cookie_id", str(uuid.uuid5(uuid.NAMESPACE_OID, f"cookie {number}"))),
    }


def hold(world: World, number: int) -> None:
    """Every vendor holds something about this person; Exchange knows a cookie too."""
    known = identifiers_of(number)
    ids, cookie, email = [known["id"][1], known["other id"][1]], known["cookie"][1], known["email"][1]
    for key in (*map(hashed, ids), cookie):
        world.stand_ins[SHOP].hold(key)
    for each in ids:
        world.stand_ins[CDP].hold(each)
    world.stand_ins[EXCHANGE].hold([("email", email), ("cookieId", cookie)])


def hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def _stream() -> Any:
    """Bytes that look random and are the same each time: ids decide orders and back-offs."""
    count = 0

    def urandom(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.sha256(b"%d" % count).digest()[:size]

    return urandom
