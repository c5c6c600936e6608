"""The end of every example: faults end, time passes, and everybody does their job. Then every approved case ends."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from compliance.audit import verify
from erasure import due, lifecycle, waiting
from erasure.models import Case, SubTask
from erasure.states import CaseStatus, SubTaskStatus

from .promises import FOR_A_PERSON, OVER
from .world import LANES, World, refused_or_done

MOST_ROUNDS = 250  # times at which the engine has something to do, one after the other
LONGEST = timedelta(days=200)  # in which it has done all it can by itself
ROUNDS_OF_PEOPLE = 8


def mend(world: World) -> None:
    """Workers die, and vendors and accounts are as they should be. What was changed about an account is put back."""
    world.open.clear()
    for name in LANES:
        stand_in = world.stand_ins[name]
        stand_in.faults.clear()
        if name == "Exchange":
            stand_in.switch(fails="")
        if name == "CDP":
            stand_in._failing.clear()
            stand_in._poison.clear()
        world.mend(name, by=world.people[0])


def alone(world: World) -> None:
    """The engine does all it can without anybody. It comes to rest in time, and says what each part waits for."""
    until = world.now + LONGEST
    world.tick()
    for _round in range(MOST_ROUNDS):
        for name in world.lanes_due():
            world.drain(name)
        if not world.go_on(within=until - world.now):
            break
    else:
        raise AssertionError("the engine never comes to rest")
    for work in SubTask.objects.select_related("vendor", "case").filter(case__status=CaseStatus.IN_PROGRESS):
        stopped = work.case.held_at or work.status in OVER | {"planned"}
        assert stopped or work.status in FOR_A_PERSON, f"{work.step} still {work.status} after {LONGEST.days} days"
        if work.status not in OVER:
            assert waiting.waits_for(work), f"{work.status} and does not say what it waits for"


def people(world: World) -> None:
    """Everybody who is asked for something does it."""
    for case in Case.objects.filter(status__in=[CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS]):
        if case.held_at:
            lifecycle.release(case, by=world.auditor)
            world.book.held.discard(case.pk)
        if due.awaits_notice(case):
            lifecycle.tell_of_lifting(case, by=world.auditor, channel="letter")
        if case.identity_result == "not_proven" and not case.cancelled_at:
            lifecycle.check_identity(case, by=world.auditor, method="contact", result="proven")
        suggested = [item.pk for item in case.identifiers.filter(state="proposed")]
        if suggested:
            lifecycle.decide(case, by=world.auditor, accept=[], dismiss=suggested, note="somebody else")
        for _stale in range(2):
            if read := world.book.reads(case):
                world.approve(case, world.auditor, read)
    for work in world.works(*SubTaskStatus):
        with refused_or_done():
            if work.status == "awaiting_identifier":
                lifecycle.searched(work, by=world.auditor, note="nobody of that name")
            elif work.status == "needs_attention" and world.tries(work) < 2:
                lifecycle.retry(work, by=world.auditor)
            elif work.status in FOR_A_PERSON and work.case.status == CaseStatus.IN_PROGRESS:
                lifecycle.attest(work, by=world.auditor, note="its screen says so")


def all_end(world: World) -> None:
    """Within a few rounds of the engine and the people, every approved case has ended."""
    alone(world)
    for _round in range(ROUNDS_OF_PEOPLE):
        people(world)
        world.promises.hold()
        alone(world)
        world.promises.hold()
        left = Case.objects.filter(status__in=[CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS])
        if not left.exists():
            return
    raise AssertionError(f"a case never ends: {told(left.first())}")


def verifies(world: World) -> None:
    """The trail, exported, before the verifier."""
    call_command("export_audit", "--out", str(trail()), stdout=_Nowhere(), stderr=_Nowhere())
    told = verify.verify(trail())
    assert "whole log" in told, told
    connection.check_constraints()  # what a commit would have checked


def told(case: Any) -> dict[str, Any]:
    return {work.vendor.name: (work.status, work.step, work.attention_code) for work in case.sub_tasks.all()}


def trail() -> Path:
    return Path(settings.DATA_DIR) / "machine.csv"


class _Nowhere:
    """Takes what a command says."""

    def write(self, *_: Any, **__: Any) -> None: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False
