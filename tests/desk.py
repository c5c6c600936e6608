"""A whole desk as its owner would run it: own folder, own keys, own database, real processes.

    with Desk(tmp_path) as desk:
        desk.start("work")
        reference = desk.run("result = approved_case().reference", "from tests.factories import *")

The database is an SQLite file in the folder or, when the suite runs on PostgreSQL, a database of its own that ends with
the desk. Both are copies of one that was migrated once for the whole run.
"""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

from tests import services

ROOT = Path(__file__).resolve().parent.parent
#: Seconds after which a command of a desk counts as hanging. It takes a few; on a machine that is busy with much else,
#: a hundred times as many.
PATIENCE = 600
OWN = {"DATA_DIR", "SECRET_KEY", "VENDOR_LOOPBACK", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")


def until(look: Callable[[], Any], seconds: float = 90, every: float = 0.1) -> Any:
    """The first answer of `look` that is true; AssertionError with the last one after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s; last: {found!r}"
        time.sleep(every)
    return found


class Desk:
    """Use it as a context manager: whatever happens in between, every process of it is ended and its database goes."""

    def __init__(
        self, folder: Path, *, settings: str = "compliance.settings", environment: dict[str, str] | None = None
    ) -> None:
        model = _model()
        self.folder = folder / "data"
        shutil.copytree(model.folder, self.folder)
        self._database = _copied_database(model.database) if model.database else ""
        self.environment = _environment(self.folder, self._database, settings) | (environment or {})
        self.log = folder / "desk.log"
        self._agent: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    # --- running things ---

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of manage.py, to its end."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0 or not check, f"manage.py {arguments[0]}: {done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command of manage.py that goes on running, as a process group of its own; it writes to `log`."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def run(self, code: str, before: str = "", **names: Any) -> Any:
        """Runs Python in the desk, with `names` defined; returns what it leaves in `result`. JSON both ways."""
        if self._agent is None:
            self._agent = subprocess.Popen(
                [sys.executable, "-m", "tests.desk_agent"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            assert self._agent.stdout
            assert self._agent.stdout.readline(), "the agent did not start"
        assert self._agent.stdin
        assert self._agent.stdout
        told = {"code": f"{before}\n{textwrap.dedent(code)}", "names": names}
        print(json.dumps(told), file=self._agent.stdin, flush=True)
        answer = json.loads(self._agent.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ends what `start` has started, as its owner would."""
        process.terminate()
        process.wait(PATIENCE)

    def put_back(self, backup: Path) -> None:
        """Puts the database of a backup in the place of this desk's. Nothing of the desk may run."""
        self._end_agent()
        if not self._database:
            for beside in ("-wal", "-shm"):
                (self.folder / f"desk.sqlite3{beside}").unlink(missing_ok=True)
            shutil.copy(backup / "database.sqlite3", self.folder / "desk.sqlite3")
            return
        _drop(self._database)
        _server(f"CREATE DATABASE {self._database}")
        command = ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={_url(self._database)}"]
        subprocess.run([*command, str(backup / "database.dump")], check=True, timeout=PATIENCE)

    # --- what it left ---

    def processes(self) -> dict[int, str]:
        """Every living process of this desk but the agent: pid → command line. Found by the folder they were given."""
        mark, found = f"DATA_DIR={self.folder}".encode(), {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or (self._agent and int(entry.name) == self._agent.pid):
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def workers(self) -> dict[int, str]:
        """The processes of qcluster."""
        return {pid: command for pid, command in self.processes().items() if "qcluster" in command}

    # --- its end ---

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end_agent()
            # A supervisor that is gone cannot start anything new, so the second look finds what is left.
            for _again in range(3):
                for process in self._started:
                    if process.poll() is None:
                        process.kill()
                        process.wait()
                for pid in self.processes():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            until(lambda: not self.processes())
        finally:
            _drop(self._database)

    def _end_agent(self) -> None:
        if self._agent:
            self._agent.kill()
            self._agent.communicate()
            self._agent = None


def prepare() -> None:
    """Makes what every desk is a copy of, for this process and all that it forks."""
    _model()


# --- the migrated model -----------------------------------------------------------------------------------------------


class _Model:
    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database


@functools.cache
def _model() -> _Model:
    """A migrated desk, made once a run. On SQLite its database is one file; on PostgreSQL `database` is its name."""
    folder = Path(tempfile.mkdtemp(prefix="erasure-desk-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = ""
    if ON_POSTGRESQL:
        database = _new_name()
        _server(f"CREATE DATABASE {database}")
        atexit.register(_drop, database)
    environment = _environment(folder, database, "compliance.settings")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=PATIENCE,
    )
    file = folder / "desk.sqlite3"
    if file.exists():
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return _Model(folder, database)


def _environment(folder: Path, database: str, settings: str) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if name not in OWN}
    own = {
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a-key-for-tests-alone",
        "VENDOR_LOOPBACK": "1",
        "DJANGO_SETTINGS_MODULE": settings,
    }
    return rest | own | ({"DATABASE_URL": _url(database)} if database else {})


def _url(database: str) -> str:
    return f"{services.POSTGRESQL_URL.rpartition('/')[0]}/{database}"


def _new_name() -> str:
    return f"erasure_desk_{uuid.uuid4().hex[:12]}"


def _server(statement: str) -> None:
    with psycopg.connect(_url("postgres"), autocommit=True) as server:
        server.execute(statement)


def _copied_database(model: str) -> str:
    name = _new_name()
    _server(f"CREATE DATABASE {name} TEMPLATE {model}")
    return name


def _drop(database: str) -> None:
    if database:
        _server(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
