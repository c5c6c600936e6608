"""An import whose process is killed goes on where it was, and opens no row twice."""

import json
import signal
from pathlib import Path

import pytest

from tests.crash.apps import SWITCH
from tests.desk import PATIENCE, Desk, until

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
DONE = "result = Import.objects.filter(status='ended').count()"
LEFT = """
result = {
    "rows": ImportRow.objects.filter(outcome="opened").values("case").distinct().count(),
    "cases": Case.objects.count(),
    "references": sorted(Case.objects.values_list("reference", flat=True)),
    "opened once": max(Counter(Event.objects.filter(action="case.opened").values_list("case", flat=True)).values()),
    "ended": Event.objects.filter(action="import.ended").count(),
}
"""


def strike_after_row(desk: Desk, number: int) -> Path:
    """Whoever opens this row kills itself then. Returns the file that is gone once it has."""
    switch = desk.folder / SWITCH
    switch.write_text(json.dumps({"point": "after_row", "step": str(number), "signal": "SIGKILL"}))
    return switch


def hold_to_one_case_a_row(desk: Desk, *, ended: int) -> None:
    left = desk.run(LEFT, BEFORE)
    assert left["rows"] == left["cases"] == ROWS
    assert [int(reference[-6:]) for reference in left["references"]] == list(range(1, ROWS + 1)), "no gap"
    assert left["opened once"] == 1
    assert left["ended"] == ended


def test_a_worker_that_is_killed_leaves_the_rest_to_another(tmp_path):
    with Desk(tmp_path, settings="tests.crash.settings") as desk:
        desk.run(START, BEFORE, rows=ROWS)
        switch = strike_after_row(desk, 5)
        desk.start("work")
        until(lambda: desk.run(DONE, BEFORE), 240)
        assert not switch.exists(), "nothing was killed"
        hold_to_one_case_a_row(desk, ended=1)


def test_a_command_that_is_killed_is_run_again_and_opens_what_was_left(tmp_path):
    with Desk(tmp_path, settings="tests.crash.settings") as desk:
        desk.run("vendor('Shop search')", BEFORE)
        file = tmp_path / "cases.csv"
        file.write_bytes(desk.run("result = content(rows).decode()", BEFORE, rows=ROWS).encode())
        strike_after_row(desk, 5)
        assert desk.start("import_cases", str(file)).wait(PATIENCE) == -signal.SIGKILL
        said = desk.manage("import_cases", str(file))
        assert len(said.stdout.splitlines()) == ROWS
        assert said.stdout.count("already there") == 4, "the first row of the file names the columns"
        assert said.stdout.count("opened") == ROWS - 4
        hold_to_one_case_a_row(desk, ended=1)
