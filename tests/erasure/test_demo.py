"""The demo as a newcomer meets it: real processes, real HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(folder)}


def test_the_main_job_runs_headless_and_leaves_nothing_personal_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once"],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("start_export", "fetch_export", "start_removal", "DSR-", "is completed", "held: yes"):
        assert line in done.stdout
    assert (tmp_path / "demo-once" / "audit.csv").is_file()
    for file in (file for file in tmp_path.rglob("*") if file.is_file()):
        content = file.read_bytes()
        for secret in (b"eva.example@", b"Eva Example", b"crm-991", b"sandbox-password"):
            assert secret not in content, f"{file.name} holds {secret!r}"


def test_the_demo_serves_until_ctrl_c_and_then_ends_every_part(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as reply:
                    assert reply.status == 200
                break
            except OSError:
                assert process.poll() is None, "the demo ended before it served"
                time.sleep(0.3)
        else:
            pytest.fail("the demo did not serve within a minute")
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}/" in printed
    assert "approver" in printed
    assert still_running(str(tmp_path)) == []


def still_running(marker: str) -> list[str]:
    """Processes whose environment names this run's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "manage.py", "demo", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
