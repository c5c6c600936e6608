"""Two processes at the same bulk work at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.desk import PATIENCE, ROOT, Desk
from tests.erasure.worker.shop import FACTORIES

pytestmark = pytest.mark.slow


def test_two_at_once_do_each_row_once(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        make = """
            from erasure import bulk
            from erasure.bulk import running
            from erasure.models import Case
            vendor("Paper archive", "manual")
            ada = person("ada", "approver")
            for number in range(40):
                opened_case(submit=True, identifiers=[("email", f"a{number}@example.org")])
            job = bulk.prepare("approve", Case.objects.order_by("reference"), by=ada)
            running.SMALL = 0
            bulk.start(job, by=ada, given={})
            result = str(job.pk)
        """
        number = desk.run(make, FACTORIES)
        go = tmp_path / "go"
        code = f"""
import pathlib, time
from erasure.bulk import running
from erasure.models import BulkJob
print("ready", flush=True)
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.01)
while BulkJob.objects.get(pk={number!r}).is_running:
    running.run({number!r})
"""
        command = [sys.executable, "manage.py", "shell", "-c", code]
        both = [
            subprocess.Popen(command, cwd=ROOT, env=desk.environment, stdout=subprocess.PIPE, text=True)
            for _worker in range(2)
        ]
        for process in both:
            assert process.stdout
            while "ready" not in process.stdout.readline():
                assert process.poll() is None
        go.touch()
        assert [process.wait(PATIENCE) for process in both] == [0, 0]
        read = """
            from compliance.audit.models import Event
            from erasure.models import BulkJob, Case
            told = list(Event.objects.filter(action="case.approved").values_list("case", flat=True))
            result = {
                "rows": BulkJob.objects.get().counts(), "told": len(told), "cases": len(set(told)),
                "ended": Event.objects.filter(action="bulk.ended").count(),
            }
        """
        assert desk.run(read) == {
            "rows": {"": 0, "done": 40, "skipped": 0, "failed": 0},
            "told": 40,
            "cases": 40,
            "ended": 1,
        }
