"""The units for systemd fit what the worker does."""

import configparser
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from erasure.worker import supervisor
from tests.desk import PATIENCE, ROOT

UNITS = ("erasure-desk-worker.service", "erasure-desk-web.service")


class Unit(configparser.RawConfigParser):
    def __init__(self, name: str) -> None:
        super().__init__(strict=False)  # SystemCallFilter stands there twice
        self.read_string((ROOT / "deploy" / name).read_text())


def test_the_worker_is_given_the_time_that_it_takes_to_end() -> None:
    service = Unit(UNITS[0])["Service"]
    assert int(service["TimeoutStopSec"]) > math.ceil(supervisor.DRAIN_SECONDS + supervisor.END_SECONDS) + 5
    assert service["KillMode"] == "mixed"  # the workers must not be told too: django-q2 then cuts off what they do
    assert service["ProtectProc"] == "invisible"
    assert "ProcSubset" not in service  # the record needs the boot's id


@pytest.mark.parametrize("name", UNITS)
def test_whatever_ends_it_is_started_again_and_never_given_up(name: str) -> None:
    unit = Unit(name)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on the PATH")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_it_and_finds_it_well_guarded(name: str, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / name).read_text()
    here = tmp_path / name
    here.write_text(text.replace("/opt/erasure-desk", str(ROOT)))
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])
    guarded = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(here)]
    done = subprocess.run(guarded, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout[-200:]
