import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from erasure.sandbox import STAND_INS
from tests.desk import PATIENCE, ROOT
from tests.ports import free_ports

from .conftest import Client


@pytest.mark.parametrize(
    "arguments", [["--port", "0"], ["--port", "65536"], ["--days-per-second", "-1"], ["--days-per-second", "nan"]]
)
def test_a_number_out_of_range_is_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("sandbox", *arguments)
    assert caught.value.returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_addresses_and_credentials_and_ends_on_a_signal(
    ending: signal.Signals, tmp_path: Path
) -> None:
    port = free_ports(len(STAND_INS))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", str(port), "--everyone", "--journal", str(tmp_path)],
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path), "SECRET_KEY": "of a test", "DEBUG": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert "    username: sandbox\n" in lines
        entries = [json.loads(line.partition("vendor file: ")[2]) for line in lines if "vendor file: " in line]
        assert [(entry["connector"], entry["base_url"]) for entry in entries] == [
            (key, f"http://127.0.0.1:{port + number}") for number, key in enumerate(STAND_INS)
        ]
        assert all(f"{entry['name']}  {entry['base_url']}\n" in lines for entry in entries)
        acquia = next(entry for entry in entries if entry["connector"] == "acquia")
        assert (acquia["options"], acquia["credentials"]["token"]) == ({"tenant_id": "1234"}, "sandbox-token")
        assert Client(f"http://127.0.0.1:{port}").remove().status == 200
        process.send_signal(ending)
        assert "ended" in process.stdout.read()
        assert process.wait(PATIENCE) == 0
        assert len((tmp_path / "apptus.jsonl").read_text().splitlines()) == 1
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(PATIENCE)


@pytest.mark.slow
def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "manage.py", "sandbox", "--port", str(taken.getsockname()[1])],
            cwd=ROOT,
            env={"SECRET_KEY": "of a test", "DEBUG": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert "another --port" in done.stderr
    assert "Traceback" not in done.stderr
