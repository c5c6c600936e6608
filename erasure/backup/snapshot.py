"""The database at one moment: copied to a file, and asked, in the copy or in the same snapshot, what it holds."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient
from django.utils.translation import gettext as _

PAGES = 2000  # of SQLite's, in one go: writers get their turn in between


class CannotBackUp(Exception):
    """No backup was made; the text says why and what to do."""


@dataclass(frozen=True)
class Snapshot:
    """`engine` and `version` of the database, `file` its copy's name, `rows` asks the state that was copied."""

    engine: str
    version: str
    file: str
    rows: Callable[[str], Iterator[tuple[Any, ...]]]


@contextmanager
def taken(folder: Path, progress: Callable[[float], None]) -> Iterator[Snapshot]:
    """Copies the database into `folder`; raises CannotBackUp."""
    if connection.vendor == "sqlite":
        yield from _sqlite(folder / "database.sqlite3", progress)
    else:
        yield from _postgresql(folder / "database.dump")


def _sqlite(file: Path, progress: Callable[[float], None]) -> Iterator[Snapshot]:
    """By SQLite's online backup, under a read transaction: without that, each write by somebody else would begin it
    anew, and on a busy desk it would never end. In WAL mode it holds up no writer."""
    file.touch(mode=0o600)
    try:
        name = str(connection.settings_dict["NAME"])
        with (
            closing(sqlite3.connect(name, timeout=30, isolation_level=None)) as live,
            closing(sqlite3.connect(file)) as copy,
        ):
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_master").fetchone()
            live.backup(copy, pages=PAGES, progress=lambda _status, left, all_: progress(1 - left / max(all_, 1)))
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as copy:
            if (said := copy.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise CannotBackUp(_("The copy of the database is damaged (%s), so the database may be.") % said)
            yield Snapshot("sqlite", sqlite3.sqlite_version, file.name, lambda sql: iter(copy.execute(sql)))
    except sqlite3.Error as error:
        raise CannotBackUp(_("The database could not be copied: %s.") % error) from None


def _postgresql(file: Path) -> Iterator[Snapshot]:
    """By pg_dump, in the snapshot of a transaction that then tells what is in it."""
    program = shutil.which("pg_dump")
    if program is None:
        raise CannotBackUp(
            _("pg_dump is not on the PATH. Install PostgreSQL's client programs, of the server's version or newer.")
        )
    with closing(connection.copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version')")
            snapshot, version = cursor.fetchone()
        _dump(program, file, str(snapshot))

        def rows(sql: str) -> Iterator[tuple[Any, ...]]:
            with other.chunked_cursor() as cursor:
                cursor.execute(sql)
                yield from cursor

        yield Snapshot("postgresql", str(version), file.name, rows)
        other.rollback()


def _dump(program: str, file: Path, snapshot: str) -> None:
    """The password goes by the environment: everybody on the machine may read a command line."""
    (_psql, *where), env = DatabaseClient.settings_to_cmd_args_env(dict(connection.settings_dict), [])
    command = [program, "--format=custom", f"--snapshot={snapshot}", "--no-password", f"--file={file}", *where]
    file.touch(mode=0o600)
    done = subprocess.run(  # noqa: S603 - a program of the PATH, no shell
        command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = _first_line(done.stderr.splitlines())
        raise CannotBackUp(_("pg_dump failed: %s") % why)


def _first_line(lines: Sequence[str]) -> str:
    return next((line for line in lines if line.strip()), "?")
