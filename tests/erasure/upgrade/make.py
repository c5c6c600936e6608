"""Makes what a release leaves behind: a desk in the middle of its work, written by that release's own code.

    git worktree add ../released v0.1.0 && cd ../released
    PYTHONPATH=. python <here>/tests/erasure/upgrade/make.py <here>/tests/erasure/upgrade/0.1.0

It imports the code and the test helpers of the release alone. Into the folder go
    desk.sql         the SQLite database: sub-tasks of Apptus accounts at each step, each in an account of its own
    ring.json and the like    the keys of that desk, made for this folder alone: they guard nothing
    told.json        what the stand-in vendor knew, what time it was, and which case is which
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PORT = 9187  # the address is a part of what was approved, so that whoever resumes the work has to listen there
#: Case → the step that its work is about to run.
STEPS = {
    "to be started": "start_export",
    "export is awaited": "await_export",
    "export is to be fetched": "fetch_export",
    "removal is to be started": "start_removal",
    "removal is awaited": "await_removal",
}


def prepare(folder: Path) -> None:
    os.environ |= {"DATA_DIR": str(folder), "SECRET_KEY": "a-key-for-tests-alone", "VENDOR_LOOPBACK": "1"}
    os.environ |= {"DJANGO_SETTINGS_MODULE": "compliance.settings"}
    os.environ.pop("DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill() -> dict[str, Any]:
    from compliance import clock
    from erasure import lifecycle
    from erasure.sandbox import Apptus, Fault
    from tests import factories
    from tests.erasure.worker.lane import GOOD, PACE, Lane

    def turn(to: datetime | timedelta) -> datetime:
        moment = clock.now() + to if isinstance(to, timedelta) else to
        clock.now = lambda: moment
        return moment

    class Account(Lane):
        """An account of its own for each case, so that its work is the only work of its lane."""

        def __init__(self, apptus: Apptus, name: str) -> None:
            self.apptus, self.turn = apptus, turn
            self.vendor = factories.vendor(f"Shop: {name}", base_url=apptus.url, credentials=GOOD, pace=PACE)

    turn(datetime.now(UTC).replace(microsecond=0))
    cases, jobs = {}, {}

    def begun(name: str, **values: Any) -> Account:
        lane = Account(apptus, name)
        apptus.hold(lane.vendor.speaks().as_sent("customer_id", f"C-{len(cases)}"))
        usual = {"identifiers": [("customer_id", f"C-{len(cases)}")], "vendors": [lane.vendor.slug]}
        cases[name] = lane.case(**{**usual, **values})
        return lane

    with Apptus(archive_days=0).start(PORT) as apptus:
        for name, step in STEPS.items():
            before = set(apptus.jobs)
            begun(name).to_step(step, case=cases[name])
            jobs |= {jid: job for jid, job in apptus.jobs.items() if jid not in before}  # time will remove them there
        lane = begun("removal was cut off")
        lane.to_step("start_removal", case=cases["removal was cut off"])
        lane.claim()  # and its worker was killed
        lane = begun("refused")
        apptus.faults.add(Fault("reply", status=422))
        lane.run()
        lane = begun("done")
        lane.to_end(cases["done"])
        begun("identifier is missing", identifiers=[("email", "a@example.org")])
        begun("on hold")
        lifecycle.hold(cases["on hold"], by=factories.person("ada"), note="Until the proof has come.")
        waits = Account(apptus, "awaits approval")
        cases["awaits approval"] = factories.opened_case(
            submit=True, identifiers=[("customer_id", "C-99")], vendors=[waits.vendor.slug]
        )
        paper = factories.vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
        cases["by hand"] = factories.approved_case(identifiers=[("email", "b@example.org")], vendors=[paper.slug])
        seal()
    return {
        "now": clock.now().isoformat(),
        "jobs": [[job.jid, job.removes, job.customer_key] for job in jobs.values()],
        "cases": {name: case.reference for name, case in cases.items()},
    }


def seal() -> None:
    with suppress(ImportError):  # 0.1.0 did not seal its trail
        from compliance.audit import seal as sealing

        sealing.seal()


def main(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        told = fill()
        with closing(sqlite3.connect(folder / "desk.sqlite3")) as database:
            (place / "desk.sql").write_text("\n".join(database.iterdump()) + "\n")
        shutil.copytree(folder / "keys", place, dirs_exist_ok=True)
    (place / "told.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
