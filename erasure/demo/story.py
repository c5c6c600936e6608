"""The sample cases: one for each state that a day brings, and what the demo's people do about them at first.

Nothing is written into a state: every case takes the way of any other, through intake, lifecycle and the worker, at the
stand-ins. What needs a vendor's answer is an `Act`, done once that answer is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compliance.staff.models import User
from erasure import lifecycle, vendors
from erasure.errors import DeskError
from erasure.models import Case, SubTask
from erasure.states import CLAIMABLE, CaseStatus, IdentifierState, SubTaskStatus

from .cases import approve, customer_id_of, email_of, make_vendors, open_one, work_at
from .parts import StandIns

ACTS_AFTER_DAYS = 14  # Acquia's own figure; of the first cases, which show what comes then, it is none
GATHER_SECONDS = 2  # cases that are approved together share a call to the CDP


@dataclass(frozen=True)
class Act:
    """What is done, as soon as `ready` gives something that is true, with that. `brings` is what there is to see then;
    an act that does nothing only waits for it."""

    brings: str
    ready: Callable[[], Any]
    do: Callable[[Any], None] = lambda _found: None


class Story:
    """`samples` are the cases so far: pairs of a reference and what the case is to show."""

    def __init__(self, people: dict[str, User], stand_ins: StandIns) -> None:
        self._people, self._stand_ins = people, stand_ins
        self.clerk, self.approver = people["intake"], people["approver"]
        self.samples: list[tuple[str, str]] = []
        self.acts: list[Act] = []

    def begin(self) -> None:
        """Opens what needs no vendor's answer, approves the first of the others, and sets the acts that follow."""
        make_vendors(self._stand_ins, acts_after_days=0, gather_seconds=GATHER_SECONDS)
        self._wait_for_people()
        self._decide()
        self._send_first()

    def play(self) -> list[str]:
        """Does what there is to do now, each act once; returns what that brings. A case that a visitor has changed by
        then is left alone."""
        brought = []
        for act in list(self.acts):
            try:
                if found := act.ready():
                    self.acts.remove(act)
                    act.do(found)
                    brought.append(act.brings)
            except DeskError:
                continue
        return brought

    # --- what needs no vendor ---

    def _wait_for_people(self) -> None:
        self._open("Dana Draft", "a draft", note="Rang up; wants it in writing first.")
        self._submit("Paula Pending", "awaits approval", days_ago=3)
        self._submit("Otto Overdue", "is overdue: nobody has approved it", days_ago=40, by=self._people["admin"])

    def _decide(self) -> None:
        unfounded = self._submit("Uwe Unfounded", "was rejected", days_ago=20)
        lifecycle.reject(unfounded, by=self.approver, ground="unfounded", note="The ninth request this month.")
        lifecycle.reply(unfounded, by=self.clerk, channel="email", note="Told that it is refused, and why.")
        mistaken = self._open("Mona Mistaken", "was cancelled", days_ago=1)
        lifecycle.cancel(mistaken, by=self.clerk, reason="mistaken", note="Opened for the wrong person.")
        held = self._submit("Hanna Held", "is on hold: nothing is sent", days_ago=12)
        lifecycle.hold(held, by=self.approver, note="Legal asks to wait for the outcome of the complaint.")
        approve(held, self.approver)

    # --- what the worker does first ---

    def _send_first(self) -> None:
        # A reason of its own, so that its event is shared with nobody.
        done = self._send("Karl Completed", "is completed and answered", days_ago=25, ground="no_longer_needed")
        lifecycle.attest(_work(done, "paper-archive"), by=self.clerk, note="The folder was shredded.")
        for name in ("Selma Shared", "Sina Shared", "Sven Shared"):
            shows = "shares an event of the CDP: one confirmation does for all"
            self._send(name, shows, days_ago=6, **_only(name, "cdp"))
        found = self._send("Petra Proposal", "has a suggested identifier to decide about", days_ago=4, found=True)
        accepted = self._send("Vera Version", "has a second plan version to approve", days_ago=8, found=True)
        withdrawn: dict[str, Any] = {"days_ago": 15, "ground": "consent_withdrawn"}
        for name in ("Rolf Refused", "Pia Partly"):
            self._stand_ins.acquia.poison(customer_id_of(name))
        shows = "needs attention: the CDP refuses the id"
        self._send("Rolf Refused", shows, **withdrawn, **_only("Rolf Refused", "cdp", "shop-search"))
        partly = self._send("Pia Partly", "is partly completed", **withdrawn, **_only("Pia Partly", "cdp"))
        self.acts = [
            Act("a suggested identifier", lambda: _suggested(found)),
            Act("a second plan version", lambda: _suggested(accepted), self._accept),
            Act("work that needs attention, and a case partly completed", lambda: _refused(partly), self._give_up),
            Act("work confirmed by hand", lambda: self._completed_on_screen(done), self._confirm),
            Act("a case completed", lambda: _ended(done), self._answer),
            Act("cases that wait for one confirmation", self._first_taken, self._send_others),
        ]

    def _open(self, name: str, shows: str, *, by: User | None = None, **more: Any) -> Case:
        case = open_one(by or self.clerk, name, **more)
        self.samples.append((case.reference, shows))
        return case

    def _submit(self, name: str, shows: str, *, by: User | None = None, **more: Any) -> Case:
        case = self._open(name, shows, by=by, **more)
        lifecycle.submit(case, by=by or self.clerk)
        return case

    def _send(self, name: str, shows: str, *, found: bool = False, **more: Any) -> Case:
        """A case that is approved. `found`: Exchange knows a cookie id of the person as well."""
        if not found:
            self._stand_ins.acoustic.hold([("email", email_of(name))])
        case = self._submit(name, shows, **more)
        approve(case, self.approver)
        return case

    # --- what follows ---

    def _accept(self, case: Case) -> None:
        found = case.identifiers.filter(state=IdentifierState.PROPOSED).values_list("pk", flat=True)
        lifecycle.decide(case, by=self.clerk, accept=list(found), dismiss=[])

    def _give_up(self, sub_task: SubTask) -> None:
        lifecycle.give_up(sub_task, by=self.approver, note="Acquia says that this customer is in dispute.")

    def _completed_on_screen(self, case: Case) -> tuple[SubTask, str] | None:
        """What of the case waits for a confirmation, and its event, once Acquia's own screen says that it is done."""
        work = work_at(case, "cdp", SubTaskStatus.AWAITING_ATTESTATION)
        event = work.references["event"] if work else ""
        return (work, event) if work and self._stand_ins.shows_completed(event) else None

    def _confirm(self, found: tuple[SubTask, str]) -> None:
        work, event = found
        lifecycle.attest_reference(work.vendor, event, by=self.approver, note="Its screen says completed.")

    def _answer(self, case: Case) -> None:
        lifecycle.reply(case, by=self.clerk, channel="email", note="Told that everything is erased.")

    def _first_taken(self) -> bool:
        """Whether Acquia has answered about each of the first cases."""
        going = SubTask.objects.filter(vendor__slug="cdp", status__in=[*CLAIMABLE, SubTaskStatus.RUNNING])
        return not going.filter(case__held_at=None).exists()

    def _send_others(self, _taken: bool) -> None:
        """From now on the CDP takes as long as the real one: the desk waits for days."""
        times = {"name": "CDP", "options": {"acts_after_days": ACTS_AFTER_DAYS}}
        vendors.save(times, by=self._people["vendors"])
        only = _only("Walter Waiting", "cdp", "shop-search")
        waits = self._send("Walter Waiting", "waits for days until the CDP acts", days_ago=10, **only)
        answered = self._send("Anna Answered", "is answered, while vendors are at work", days_ago=28)
        lifecycle.reply(answered, by=self.clerk, channel="letter", note="Told that the vendors are at work.")
        address = [("email", email_of("Nils Nobody"))]
        self._send("Nils Nobody", "awaits an identifier for two vendors", days_ago=9, identifiers=address)
        self._send("Rosa Restricted", "is a restriction", days_ago=5, kind="restriction", ground="objection")
        told = "lifts a restriction, of which she was told"
        lifting = self._send("Lia Lifted", told, days_ago=2, kind="lift_restriction", ground="other")
        lifecycle.tell_of_lifting(lifting, by=self.clerk, channel="email")
        self._send("Emil Export", "is an export", kind="export", regime="ccpa", country="US", subdivision="CA")
        self.acts += [
            Act("work that waits for days", lambda: _work(waits, "cdp").acts_unasked),
            Act("a case under way", lambda: len(self.acts) == 1, self._send_last),
        ]

    def _send_last(self, _alone: bool) -> None:
        self._send("Rita Running", "is under way", days_ago=2)


# --- what of a case is looked for -------------------------------------------------------------------------------------


def _work(case: Case, vendor: str) -> SubTask:
    work = work_at(case, vendor)
    assert work
    return work


def _only(name: str, *slugs: str) -> dict[str, Any]:
    """What a case has that goes to vendors which know the person by the customer id alone."""
    return {"vendors": slugs, "identifiers": [("customer_id", customer_id_of(name))]}


def _suggested(case: Case) -> Case | None:
    return case if case.identifiers.filter(state=IdentifierState.PROPOSED).exists() else None


def _refused(case: Case) -> SubTask | None:
    return work_at(case, "cdp", SubTaskStatus.NEEDS_ATTENTION)


def _ended(case: Case) -> Case | None:
    case.refresh_from_db()
    return case if case.status == CaseStatus.COMPLETED else None
