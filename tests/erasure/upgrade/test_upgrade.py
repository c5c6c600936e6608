"""What an earlier release left in the middle of its work is taken up by today's code: where it stands, and once.

Each folder here is what a release left (`make.py`). It is migrated as an administrator would, and its work goes on
against a stand-in vendor that knows what the vendor knew."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command

from compliance import clock
from compliance.audit import bundle, verify
from compliance.audit import seal as sealing
from compliance.audit.models import Event
from compliance.environment import database_url
from compliance.moving import target
from compliance.moving.move import move
from erasure import lifecycle
from erasure.models import Case, SubTask
from erasure.sandbox import Apptus
from erasure.sandbox.apptus import Job
from erasure.worker import lanes, sweep
from tests.databases import database_at
from tests.desk import ROOT, until
from tests.erasure.upgrade.make import PORT
from tests.factories import approve, person

SETTINGS = "compliance.settings"
RELEASES = sorted(file.parent for file in Path(__file__).parent.glob("*/desk.sql"))
#: Case → what the vendor is asked to do from here on. What it did for the earlier release is not asked for again.
GOES_ON = {
    "to be started": ["export_started", "export_fetched", "removal_started"],
    "export is awaited": ["export_fetched", "removal_started"],
    "export is to be fetched": ["export_fetched", "removal_started"],
    "removal is to be started": ["removal_started"],
    "removal is awaited": [],
    "removal was cut off": ["removal_started"],  # whether it was sent is unknown: it is started, and the trail says so
}


class Desk:
    """The desk that a release left, and the vendor that it worked with."""

    def __init__(self, release: Path, apptus: Apptus, turn: Callable[[datetime | timedelta], datetime]) -> None:
        self.told = json.loads((release / "told.json").read_text())
        self.apptus, self.turn, self._told = apptus, turn, 0
        turn(datetime.fromisoformat(self.told["now"]))

    def case(self, name: str) -> Case:
        return Case.objects.get(reference=self.told["cases"][name])

    def work(self, name: str) -> SubTask:
        return self.case(name).sub_tasks.select_related("vendor").get()

    def effects(self) -> list[str]:
        """What the vendor was asked to do since it was last asked this."""
        told = [entry.effect for entry in self.apptus.journal.entries() if entry.effect]
        new, self._told = told[self._told :], len(told)
        return new

    def go_on(self, name: str) -> SubTask:
        """Until the work ends or waits for a person, one call after the other."""
        for _again in range(30):
            found = self.work(name)
            if found.next_at is None or found.status == "needs_attention":
                return found
            self.turn(max(clock.now(), found.next_at) + timedelta(seconds=1))
            sweep.tick()
            lanes.run(str(found.vendor.pk))
            self.apptus.clock.advance(0.5)
        raise AssertionError(f"{name} does not end: it is at {found.step}, {found.status}")


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def migrated(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk that a release left and today's `migrate` brought up to date."""
    folder = tmp_path_factory.mktemp("upgrade")
    shutil.copytree(release, folder / "keys")
    with closing(sqlite3.connect(folder / "desk.sqlite3")) as database:
        database.executescript((release / "desk.sql").read_text())
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    own = {"DATA_DIR": str(folder), "SECRET_KEY": "a-key-for-tests-alone", "DJANGO_SETTINGS_MODULE": SETTINGS}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=given | own, check=True, timeout=300)
    return folder


@pytest.fixture
def on_sqlite(migrated: Path, settings: Any, tmp_path: Path, django_db_blocker: Any) -> Iterator[None]:
    """A copy of it is this test's desk."""
    folder = tmp_path / "desk"
    shutil.copytree(migrated, folder)
    settings.KEY_RING, settings.AUDIT_SIGNING_KEY = folder / "keys" / "ring.json", folder / "keys" / "audit-signing.pem"
    settings.EVIDENCE_DIR = folder / "evidence"
    cache.clear()
    with django_db_blocker.unblock(), database_at(f"sqlite:///{folder / 'desk.sqlite3'}", "upgraded"):
        yield
    cache.clear()


@pytest.fixture
def desk(release: Path, on_sqlite: None, turn_clock: Callable[[datetime | timedelta], datetime]) -> Iterator[Desk]:
    apptus = Apptus(archive_days=0)
    until(lambda: listens(apptus))
    try:
        found = Desk(release, apptus, turn_clock)
        now = apptus.clock.now()
        for jid, removes, key in found.told["jobs"]:
            apptus.jobs[jid] = Job(jid, removes, key, "created", now, now, now)
        yield found
    finally:
        apptus.stop()


def listens(apptus: Apptus) -> bool:
    """Another run of these tests may be at the same address just now."""
    try:
        apptus.start(PORT)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", GOES_ON)
def test_work_goes_on_where_the_earlier_release_left_it(desk: Desk, name: str) -> None:
    done = desk.go_on(name)
    assert (done.status, done.attention_text) == ("done", "")
    assert desk.effects() == GOES_ON[name]
    assert desk.case(name).status == "completed"


def test_what_may_have_been_sent_twice_is_told(desk: Desk) -> None:
    desk.go_on("removal was cut off")
    told = Event.objects.filter(case=desk.told["cases"]["removal was cut off"]).values_list("action", flat=True)
    assert {"sub_task.unknown", "sub_task.may_repeat"} <= set(told)


def test_what_waited_for_a_person_still_does(desk: Desk) -> None:
    waits = {name: desk.work(name).status for name in ("refused", "identifier is missing", "by hand")}
    assert waits == {
        "refused": "needs_attention",
        "identifier is missing": "awaiting_identifier",
        "by hand": "awaiting_attestation",
    }
    desk.turn(timedelta(days=1))
    lanes.run(str(desk.work("on hold").vendor.pk))
    assert (desk.work("on hold").status, desk.effects()) == ("ready", [])


def test_what_a_person_decides_goes_on(desk: Desk) -> None:
    olive, ada = person("olive"), person("ada")
    lifecycle.retry(desk.work("refused"), by=ada)
    lifecycle.release(desk.case("on hold"), by=ada)
    approve(desk.case("awaits approval"), by=ada)
    lifecycle.attest(desk.work("by hand"), by=olive, note="Done.")
    for name in ("refused", "on hold", "awaits approval"):
        assert desk.go_on(name).status == "done", name
        assert desk.effects() == ["export_started", "export_fetched", "removal_started"], name
    assert desk.case("by hand").status == "completed"


def test_the_trail_verifies_from_the_first_event_on(desk: Desk, tmp_path: Path) -> None:
    desk.go_on("removal is to be started")
    verify_the_whole_trail(tmp_path)


@pytest.mark.postgresql
def test_a_desk_that_is_moved_to_postgresql_on_the_way_goes_on_there(
    desk: Desk, postgresql_url: str, tmp_path: Path
) -> None:
    sealing.seal()
    with target.reached(database_url(postgresql_url)) as alias:
        target.make_empty(alias)
        move(alias, lambda rows, part: None)
    with database_at(postgresql_url, "moved"):
        for name, effects in GOES_ON.items():
            assert desk.go_on(name).status == "done", name
            assert desk.effects() == effects, name
        verify_the_whole_trail(tmp_path)


def verify_the_whole_trail(folder: Path) -> None:
    """It stands before the stand-alone verifier, sealed to its end."""
    sealing.seal(wait=True)
    file, key = folder / "trail.csv", folder / "key.txt"
    call_command("export_audit", "--out", str(file))
    key.write_text(bundle.public_keys())
    status, line = verify.run(file, key, None)
    assert status == 0, line
    with file.open(newline="") as rows:
        found = list(csv.DictReader(rows))
    assert len(found) == Event.objects.count() - 1, "but for the event of the export itself"
    assert all(row["index"] for row in found)
