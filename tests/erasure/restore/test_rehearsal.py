"""A restore as docs/operations/backup.md has it, with work in flight: real processes, a real vendor over HTTP, and the
vendor's own journal as the oracle."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from erasure.sandbox import Apptus
from tests.desk import ON_POSTGRESQL, Desk, until
from tests.erasure.worker.shop import FACTORIES, ApptusShop, verify_trail

pytestmark = [pytest.mark.slow, *([pytest.mark.postgresql] if ON_POSTGRESQL else [])]


class Waiting(ApptusShop):
    """A vendor whose jobs wait until the test lets its days pass."""

    def busy(self) -> bool:
        return False

    def awaiting_approval(self, customer: str) -> str:
        self.hold(customer)
        code = """
            case = opened_case(by=person("olive", "intake"), submit=True, identifiers=[item], vendors=[account])
            result = case.reference
        """
        item = (self.kind, self.identifier(customer))
        return str(self.desk.run(code, FACTORIES, account=self.name, item=item))

    def approve(self, reference: str) -> None:
        code = """
            from erasure.models import Case
            approve(Case.objects.get(reference=reference), by=person("ada", "approver"))
        """
        self.desk.run(code, FACTORIES, reference=reference)

    def to_the_end(self, *references: str) -> None:
        """Lets the vendor's days pass until the desk has nothing more to do for these. What needs attention, such as an
        export that was fetched in the time that was lost, is tried again as staff would."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            with self.vendor.lock:
                self.vendor.held()  # it carries out what is due by now
                if all(job.result is None for job in self.vendor.jobs.values()):
                    self.vendor.clock.advance(3)  # not while a file waits: in a week it would be gone
            found.update({reference: self.look(reference) for reference in references})
            for reference in (name for name, case in found.items() if case["work"] == "needs_attention"):
                self.retry(reference)
            return all(case["status"] != "in_progress" for case in found.values())

        try:
            until(ended, 120, every=0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{found}\n{self.desk.log.read_text()[-3000:]}") from None

    def retry(self, reference: str) -> None:
        code = """
            from erasure import lifecycle
            from erasure.models import SubTask
            lifecycle.retry(SubTask.objects.get(case__reference=reference), by=person("ada", "approver"))
        """
        self.desk.run(code, FACTORIES, reference=reference)


def test_a_restored_desk_sends_nothing_twice_in_silence(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with Apptus(archive_days=1).start() as apptus, Desk(tmp_path, settings="tests.crash.settings") as desk:
        shop = Waiting(desk, apptus)

        # When the backup is made, one case has ended, one waits at its vendor, one was just approved, one not yet.
        work = desk.start("work")
        ended = shop.approved("ended")
        shop.to_the_end(ended)
        waiting = shop.approved("waiting")
        until(lambda: shop.look(waiting)["step"] == "await_export")
        desk.stop(work)
        approved, submitted = shop.approved("approved"), shop.awaiting_approval("submitted")
        desk.manage("backup", str(backup))

        # The desk goes on: it sends, opens a case, destroys one, and seals all of it.
        work = desk.start("work")
        shop.approve(submitted)
        lost = shop.approved("lost")
        shop.to_the_end(waiting, approved, submitted, lost)
        shred(desk, ended)
        until(lambda: desk.run("from compliance.audit.models import *; result = not PendingEvent.objects.exists()"))
        desk.stop(work)
        before = Counter(entry.effect for entry in apptus.journal.entries() if entry.effect)

        # The backup is put back. Nothing is done before somebody has put it right.
        desk.put_back(backup)
        refused = desk.manage("work", check=False)
        assert refused.returncode == 1
        assert "manage.py after_restore" in refused.stderr
        assert "put back from a backup" in opening(desk)
        said = desk.manage("after_restore", "--no-input").stdout
        assert "destroyed again, cases and files: 1" in said
        assert "put right before" in desk.manage("after_restore", "--no-input").stdout, "there is nothing left to do"

        # And goes on from there.
        desk.start("work")
        shop.approve(submitted)
        fresh = shop.approved("fresh")
        shop.to_the_end(waiting, approved, submitted, fresh)

        assert fresh > lost, "a reference was given out twice"
        after = Counter(entry.effect for entry in apptus.journal.entries() if entry.effect)
        assert after > before, "nothing was sent again, so that nothing was tried here"
        for customer, reference in (("waiting", waiting), ("approved", approved), ("submitted", submitted)):
            hold_to_the_promise(shop, customer, reference)
        assert not readable(desk, ended), "a shredded case is back"
        told = desk.run(
            """
            from compliance.audit.models import Event
            result = Event.objects.get(action="desk.restored").details
            """
        )
        assert told["known_size"] > told["tree_size"] > 0
        assert (told["in_doubt"], told["shredded_again"], told["known_by"]) == (2, 1, "mark")
        assert told["first_left_out"] <= lost <= told["last_left_out"] < fresh
        until(lambda: desk.run("from compliance.audit.models import *; result = not PendingEvent.objects.exists()"))
        verify_trail(desk)


def hold_to_the_promise(shop: ApptusShop, customer: str, reference: str) -> None:
    """At most one effect a step, or the trail names each possible duplicate."""
    assert not shop.holds(customer)
    trail = shop.trail(reference)
    named = Counter(event["step"] for event in trail if event["action"] == "sub_task.may_repeat")
    done = Counter(entry.effect for entry in shop.effects(customer))
    for step, (effect, usual) in shop.effects_of.items():
        assert done[effect] - usual <= named[step], f"{reference}: {effect} {done[effect]} times, {step} in silence"


def shred(desk: Desk, reference: str) -> None:
    """Destroys the case's key, and says so in the list beside the ring."""
    key, at = desk.run(
        """
        from compliance.vault.seal import destroy
        from erasure.models import Case
        key = Case.objects.get(reference=reference).data_key
        destroy(key)
        result = [str(key.pk), key.destroyed_at.isoformat()]
        """,
        reference=reference,
    )
    with (desk.folder / "keys" / "shredded.jsonl").open("a") as listed:
        listed.write(json.dumps({"key": key, "at": at}) + "\n")


def readable(desk: Desk, reference: str) -> bool:
    return bool(
        desk.run(
            """
            from erasure.models import Case
            result = Case.objects.get(reference=reference).data_key.destroyed_at is None
            """,
            reference=reference,
        )
    )


def opening(desk: Desk) -> Any:
    return desk.run(
        """
        from erasure.errors import Unavailable
        try:
            opened_case()
        except Unavailable as error:
            result = error.text
        """,
        FACTORIES,
    )
