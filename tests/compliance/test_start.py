"""What a broken installation says: one line at a terminal, and an end instead of a loop. Each case is a process."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compliance.test_settings import ROOT, start
from tests.desk import Desk

KEY = "x" * 50
NOWHERE = "postgres://desk@127.0.0.1:1/desk"  # nothing listens there


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("command", [("exprot_audit",), ("help", "exprot_audit"), ("work", "--bogus"), ("vendors",)])
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = start(tmp_path, *command, SECRET_KEY=KEY)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


@pytest.mark.parametrize("command", [("vendors", "check"), ("token", "create", "crm", "--scope", "cases:read")])
def test_a_database_that_is_not_migrated_is_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    one_line(start(tmp_path, *command, SECRET_KEY=KEY), "DATABASE_URL", "manage.py migrate")


def test_a_database_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    for command in ("migrate", "createsuperuser", "work"):
        one_line(start(tmp_path, command, SECRET_KEY=KEY, DATABASE_URL=NOWHERE), "DATABASE_URL", "127.0.0.1")


def test_who_asks_for_the_traceback_gets_it(tmp_path: Path) -> None:
    done = start(tmp_path, "vendors", "--traceback", "check", SECRET_KEY=KEY)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.postgresql
def test_a_postgresql_database_that_is_not_migrated_is_one_line(tmp_path: Path, postgresql_url: str) -> None:
    one_line(start(tmp_path, "vendors", "check", SECRET_KEY=KEY, DATABASE_URL=postgresql_url), "manage.py migrate")
    one_line(start(tmp_path, "work", SECRET_KEY=KEY, DATABASE_URL=postgresql_url), "manage.py migrate")


def test_the_worker_does_not_start_on_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    one_line(start(tmp_path, "work", SECRET_KEY=KEY), "No worker was started", "manage.py migrate")


@pytest.mark.slow
def test_a_missing_key_ring_is_one_line_and_no_worker(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        shutil.rmtree(desk.folder / "keys")
        one_line(desk.manage("work", check=False), "KEY_RING", "backup")
        file = tmp_path / "vendors.json"
        file.write_text('[{"name": "Paper archive", "connector": "manual", "options": {"instructions": "Room 12"}}]')
        one_line(desk.manage("vendors", "load", str(file), check=False), "KEY_RING", "backup")


def test_the_web_server_ends_with_one_line_of_ours_instead_of_starting_workers_for_ever(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "compliance.wsgi", "--bind", "127.0.0.1:0", "--log-level", "error"],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 4
    assert "Erasure Desk cannot start: SECRET_KEY must be set" in done.stderr
    assert "Traceback" not in done.stderr
