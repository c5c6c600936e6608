"""An import whose process is killed goes on where it was, and opens no row twice."""

import os
import signal
from contextlib import suppress

import pytest

from tests.desk import Desk, until

pytestmark = pytest.mark.slow
ROWS = 40
BEFORE = """
from collections import Counter
from compliance.audit.models import Event
from erasure import imports
from erasure.models import Case, Import, ImportRow
from tests.erasure.imports.made import requests
from tests.factories import person, vendor

def content(rows):
    return requests(*({"email": f"person{number}@example.org"} for number in range(rows)))
"""
START = """
vendor("Shop search")
kept = imports.upload(content(rows), by=person("olive", "intake"), day_first=None)
imports.accept(kept, submits=True)
imports.wake(kept.pk)
result = str(kept.pk)
"""
DONE = "result = [ImportRow.objects.count(), Import.objects.filter(status='ended').count()]"
LEFT = """
result = {
    "rows": ImportRow.objects.filter(outcome="opened").values("case").distinct().count(),
    "cases": Case.objects.count(),
    "references": sorted(Case.objects.values_list("reference", flat=True)),
    "opened once": max(Counter(Event.objects.filter(action="case.opened").values_list("case", flat=True)).values()),
    "ended": Event.objects.filter(action="import.ended").count(),
}
"""


def kill(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def hold_to_one_case_a_row(desk: Desk, *, ended: int) -> None:
    left = desk.run(LEFT, BEFORE)
    assert left["rows"] == left["cases"] == ROWS
    assert [int(reference[-6:]) for reference in left["references"]] == list(range(1, ROWS + 1)), "no gap"
    assert left["opened once"] == 1
    assert left["ended"] == ended


def test_a_worker_that_is_killed_leaves_the_rest_to_another(tmp_path):
    with Desk(tmp_path, settings="tests.crash.settings") as desk:
        desk.run(START, BEFORE, rows=ROWS)
        desk.start("work")
        until(lambda: desk.run(DONE, BEFORE)[0] >= 3, 120)
        kill(*desk.workers())
        seen = desk.run(DONE, BEFORE)
        assert seen[1] == 0, "it was killed on the way"
        until(lambda: desk.run(DONE, BEFORE)[1], 240)
        hold_to_one_case_a_row(desk, ended=1)


def test_a_command_that_is_killed_is_run_again_and_opens_what_was_left(tmp_path):
    with Desk(tmp_path, settings="tests.crash.settings") as desk:
        desk.run("vendor('Shop search')", BEFORE)
        file = tmp_path / "cases.csv"
        file.write_bytes(desk.run("result = content(rows).decode()", BEFORE, rows=ROWS).encode())
        command = desk.start("import_cases", str(file))
        until(lambda: desk.run(DONE, BEFORE)[0] >= 3, 120)
        kill(command.pid)
        command.wait()
        said = desk.manage("import_cases", str(file))
        assert len(said.stdout.splitlines()) == ROWS
        assert "already there" in said.stdout
        assert "opened" in said.stdout
        hold_to_one_case_a_row(desk, ended=1)
