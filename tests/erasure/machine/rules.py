"""What can happen, in any order: people decide, workers work and die, vendors fail and change, time passes."""

import sys
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from compliance.audit import seal
from erasure import lifecycle, vendors
from erasure.sandbox import Fault, StandIn
from erasure.states import ENDED, Pause, SubTaskStatus

from . import ending
from .world import CDP, EXCHANGE, LANES, OTHERWISE, SHOP, Open, World, refused_or_done

PEOPLE, CASES, ANY = st.integers(0, 2), st.integers(0, 2), st.integers(0, 11)
ACCOUNTS = st.sampled_from(LANES)
NAMED_BY = st.sampled_from(
    [("id",), ("id", "email"), ("id", "other id"), ("email",), ("cookie", "email"), ("cookie", "id")]
)
KINDS = st.sampled_from(["erasure"] * 6 + ["restriction", "lift_restriction", "export"])
FAULTS = st.sampled_from(
    [
        *[None] * 8,
        *[{"kind": kind, "process": done} for kind in ("close", "half") for done in (True, False)],
        *[{"kind": "reply", "status": status, "process": done} for status in (500, 502) for done in (True, False)],
        {"kind": "reply", "status": 200, "process": True},  # a page in place of the answer
        {"kind": "reply", "status": 200},
        {"kind": "reply", "status": 429, "headers": {"Retry-After": "7200"}},
        *[{"kind": "reply", "status": status} for status in (400, 401, 404, 429, 503)],
        {"kind": "fields", "fields": {"status": "waiting"}},
        {"kind": "fields", "fields": {"status": "RUNNING"}},
        {"kind": "fields", "fields": {"status": "no such word"}},
        {"kind": "fields", "fields": {"eventId": "", "jobId": "x", "jid": "x"}},
    ]
)
#: What becomes of a claim: its worker dies before its call or after it; or it is gone with it and may come back; or it
#: settles late, when the lease has ended, or when another has the work by then; or it is too slow to make the call, or
#: cannot reach the vendor.
FATES = st.sampled_from(
    ["dies", "dies after", "gone", "gone after", "late", "late after another", "too slow", "unreachable"]
)
TIMES = st.sampled_from(
    [*(timedelta(seconds=each) for each in (5, 40, 95)), timedelta(hours=1), timedelta(hours=7), timedelta(days=1)]
    + [timedelta(days=each) for each in (5, 16, 40)]
)
AS_FAR_AS = st.sampled_from(["approved", "approved", "approved", "submitted", "draft"])
TO_AN_ACCOUNT = st.sampled_from([*["option"] * 4, "pause", "disable", "credentials", *["mend"] * 3])
INTERFERENCES = st.sampled_from(["hold", "release", "release", "cancel", "reject", "reply", "tell", "tell", "identify"])
BY_HAND = st.sampled_from(["refuse", "attest", "attest", "retry", "retry", "give up", "searched"])
CHANGES = st.sampled_from(
    [
        *[(SHOP, "lost"), (EXCHANGE, "lost"), (EXCHANGE, "intake"), (EXCHANGE, "run"), (EXCHANGE, "")],
        *[(CDP, "refuses an id"), (CDP, "cannot take an id")],
    ]
)


class Machine(RuleBasedStateMachine):
    stand_ins: ClassVar[dict[str, StandIn]]  # running, and shared by all examples
    to_the_end: ClassVar[bool] = True  # whether every case is seen through to its end

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.stand_ins)

    @initialize(kind=KINDS, named_by=NAMED_BY, held=st.booleans())
    def a_case_is_under_way(self, kind: str, named_by: tuple[str, ...], held: bool) -> None:
        self.opens(kind, named_by, 0, held, "approved")

    @invariant()
    def the_promises_hold(self) -> None:
        self.world.promises.hold()
        self.world.turn(timedelta(seconds=1))  # nothing happens at the same moment

    def teardown(self) -> None:
        try:
            if self.to_the_end and sys.exception() is None:
                ending.mend(self.world)
                ending.all_end(self.world)
                ending.verifies(self.world)
        finally:
            self.world.close()

    # --- people and cases ---

    @precondition(lambda self: len(self.world.cases) < 3)
    @rule(kind=KINDS, named_by=NAMED_BY, who=PEOPLE, held=st.booleans(), then=AS_FAR_AS)
    def opens(self, kind: str, named_by: tuple[str, ...], who: int, held: bool, then: str) -> None:
        case = self.world.open_case(kind, named_by, who, held)
        with refused_or_done():
            if then != "draft":
                lifecycle.submit(case, by=self.world.people[who])
        if then == "approved":
            self.approves(len(self.world.cases) - 1, (who + 1) % 3, True)

    @rule(which=CASES, who=PEOPLE, name=st.sampled_from(["id", "other id", "email", "cookie"]))
    def adds_an_identifier(self, which: int, who: int, name: str) -> None:
        self.world.add_identifier(which, name, self.world.people[who])

    @rule(which=CASES, who=PEOPLE, pick=ANY, submit=st.booleans())
    def changes_a_draft(self, which: int, who: int, pick: int, submit: bool) -> None:
        if not submit:
            self.world.remove_identifier(which, pick, self.world.people[who])
        with refused_or_done():
            if submit:
                lifecycle.submit(self.world.case(which), by=self.world.people[who])

    @rule(which=CASES, who=PEOPLE, afresh=st.booleans())
    def approves(self, which: int, who: int, afresh: bool) -> None:
        """Whoever it is, with what was read just now or some time ago."""
        case = self.world.case(which)
        read = self.world.book.reads(case) if afresh else self.world.book.read.get(case.pk)
        if read:
            self.world.approve(case, self.world.people[who], read)

    @rule(which=CASES, who=PEOPLE, does=INTERFERENCES)
    def interferes(self, which: int, who: int, does: str) -> None:
        case, person, book = self.world.case(which), self.world.people[who], self.world.book
        with refused_or_done() as told:
            match does:
                case "hold":
                    lifecycle.hold(case, by=person)
                case "release":
                    lifecycle.release(case, by=person)
                case "cancel":
                    lifecycle.cancel(case, by=person, reason="withdrawn")
                case "reject":
                    lifecycle.reject(case, by=person, ground="unfounded")
                case "reply":
                    lifecycle.reply(case, by=person, channel="email")
                case "tell":
                    lifecycle.tell_of_lifting(case, by=person, channel="email")
                case "identify":
                    result = "proven" if who else "not_proven"
                    lifecycle.check_identity(case, by=person, method="contact", result=result)
        if told.done:
            book.held |= {case.pk} if does == "hold" else set()
            book.held -= {case.pk} if does in ("release", "cancel") else set()
            book.cancelled |= {case.pk} if does == "cancel" else set()

    @precondition(lambda self: self.world.suggested())
    @rule(which=CASES, who=PEOPLE, accept=st.booleans())
    def decides_about_suggestions(self, which: int, who: int, accept: bool) -> None:
        self.world.decide(which, self.world.people[who], accept)

    # --- people and vendor work ---

    @rule(pick=ANY, who=PEOPLE, does=BY_HAND)
    def acts_by_hand(self, pick: int, who: int, does: str) -> None:
        """On work that waits for a person, or on any that has not ended."""
        person = self.world.people[who]
        works = self.world.works(*(set(SubTaskStatus) - ENDED - {SubTaskStatus.PLANNED}))
        if not works:
            return
        work = works[pick % len(works)]
        with refused_or_done():
            match does:
                case "attest":
                    lifecycle.attest(work, by=person, note="its screen says so")
                case "retry":
                    lifecycle.retry(work, by=person)
                case "give up":
                    lifecycle.give_up(work, by=person, note="cannot be done")
                case "refuse":
                    lifecycle.refuse_work(work, by=person, ground="legal_claims")
                case "searched":
                    lifecycle.searched(work, by=person, note="nobody")

    @rule(pick=ANY, who=PEOPLE, account=ACCOUNTS)
    def confirms_a_reference(self, pick: int, who: int, account: str) -> None:
        numbers = self.world.references(account)
        if numbers:
            with refused_or_done():
                lifecycle.attest_reference(
                    self.world.vendor(account), numbers[pick % len(numbers)], by=self.world.people[who], note="done"
                )

    # --- workers ---

    @rule(lane=CASES, calls=st.integers(1, 5), fault=FAULTS)
    def works(self, lane: int, calls: int, fault: dict[str, Any] | None) -> None:
        """A worker takes so many claims of a lane, makes its calls and settles; at the last something may go wrong."""
        account = self.world.busy(lane)
        for call in range(1, calls + 1):
            if held := self.world.next_claim(account):
                self._perform(held, fault if call == calls else None)
                self.world.settle(held)

    @rule(lane=CASES)
    def works_in_time(self, lane: int) -> None:
        """All that is due on a lane by now."""
        self.world.drain(self.world.busy(lane))

    @rule(lane=CASES, fault=FAULTS, fate=FATES)
    def a_worker_fails(self, lane: int, fault: dict[str, Any] | None, fate: str) -> None:
        held = self.world.next_claim(self.world.busy(lane))
        if held is None or fate == "gone":
            return
        if fate == "too slow":
            self.world.turn(timedelta(seconds=31))
        if fate != "dies":
            self._perform(held, fault, unreachable=fate == "unreachable")
        if fate.startswith("dies"):
            self.world.open.remove(held)
        elif fate != "gone after":
            self._settle(held, late=fate.startswith("late"), after_another=fate == "late after another")

    @precondition(lambda self: self.world.open)
    @rule(pick=ANY, late=st.booleans())
    def comes_back(self, pick: int, late: bool) -> None:
        """A worker that was gone makes its call, if it has not, and settles. By then its lease may have ended."""
        held = self.world.open[pick % len(self.world.open)]
        if held.came is None:
            self.world.perform(held)
        self._settle(held, late=late)

    def _settle(self, held: Open, *, late: bool, after_another: bool = False) -> None:
        if late:
            self.world.turn(timedelta(seconds=95))
            self.world.tick()
        if after_another:
            self.world.next_claim(held.account)
        self.world.settle(held)

    def _perform(self, held: Open, fault: dict[str, Any] | None, **how: bool) -> None:
        faults = self.world.stand_ins[held.account].faults
        if fault:
            faults.add(Fault(**fault))
        self.world.perform(held, **how)
        faults.clear()

    # --- vendors and their accounts ---

    @rule(change=CHANGES, pick=ANY)
    def a_vendor_changes_its_mind(self, change: tuple[str, str], pick: int) -> None:
        account, what = change
        stand_in: Any = self.world.stand_ins[account]
        match what:
            case "lost" if stand_in.jobs:
                stand_in.jobs.pop(list(stand_in.jobs)[pick % len(stand_in.jobs)])
            case "intake" | "run" | "":
                stand_in.switch(fails=what)
            case "refuses an id":
                stand_in.poison(self.world.an_id(pick))
            case "cannot take an id":
                stand_in.failing(self.world.an_id(pick), times=2)

    @rule(lane=CASES, who=PEOPLE, does=TO_AN_ACCOUNT)
    def changes_an_account(self, lane: int, who: int, does: str) -> None:
        account = self.world.busy(lane)
        vendor, person = self.world.vendor(account), self.world.people[who]
        match does:
            case "pause":
                vendors.pause(vendor, Pause.BY_HAND, "", self.world.now, trial_at=None, by=person)
            case "disable":
                self.world.save(account, by=person, enabled=False)
            case "option":
                self.world.save(account, by=person, options=OTHERWISE[account])
            case "credentials":
                self.world.save(account, credentials=dict.fromkeys(self.world.credentials(account), "wrong"))
            case "mend":
                self.world.mend(account, by=person)

    # --- time ---

    @rule(by=TIMES)
    def time_passes(self, by: timedelta) -> None:
        self.world.turn(by)

    @rule(sealed=st.booleans())
    def sweeps(self, sealed: bool) -> None:
        self.world.tick()
        if sealed:
            seal.seal()
