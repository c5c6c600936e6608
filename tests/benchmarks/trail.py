"""What the trail costs, on PostgreSQL, each figure beside a plain yardstick in the same run:

    python -m tests.benchmarks.trail [--events N] [--seconds N]      (or: make bench)

- appending: events recorded from 8 processes, one transaction each, beside plain inserts of the same rows into a table
  with the same indexes and without triggers, in turn, five rounds;
- sealing: all of the log at once, and its lag while 500 events a second arrive for a minute, sealed every 3 seconds;
- exporting: `manage.py export_audit` of the whole log beside psql's \\copy of the same columns, with its peak memory;
- verifying: verify.py on that file beside one SHA-256 pass over the same bytes.

It makes a database of its own on the server of TEST_POSTGRESQL_URL, and removes it. Times are medians of wall clock.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests import services

ROOT = Path(__file__).resolve().parents[2]
WRITERS, ROUNDS, EACH = 8, 5, 250
RATE, STEADY_WRITERS = 500, 5
COLUMNS = "index, e.event_id, at, actor, action, e.case, subject, canonical, leaf_hash"


@contextmanager
def database() -> Iterator[str]:
    name = f"erasure_desk_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{services.POSTGRESQL_URL.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def say(what: str, measured: str) -> None:
    print(f"{what:<58} {measured}", flush=True)


class Desk:
    """The desk as processes, on its own database and folder."""

    def __init__(self, url: str, folder: str) -> None:
        self.url, self.folder = url, Path(folder)
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "DATA_DIR": folder,
            "SECRET_KEY": "for a benchmark",
            "DJANGO_SETTINGS_MODULE": "compliance.settings",
        }

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True)

    def workers(self, count: int, *arguments: str) -> list[dict[str, float]]:
        """Runs this file's parts below in `count` processes at once; returns what each measured."""
        command = [sys.executable, "-m", "tests.benchmarks.trail", *arguments]
        started = [
            subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _number in range(count)
        ]
        for process in started:
            assert process.stdout
            process.stdout.readline()  # it is ready
        for process in started:
            assert process.stdin
            process.stdin.write(b"\n")  # all begin together
            process.stdin.flush()
        told = [process.communicate()[0] for process in started]
        assert not any(process.returncode for process in started), "a writer failed"
        return [json.loads(text) for text in told]


# --- in processes of their own ----------------------------------------------------------------------------------------


def ready() -> None:
    """Connects, says so, and waits for the word to begin."""
    import django

    django.setup()
    from django.db import connection

    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()


def details(number: int) -> dict[str, object]:
    """An event of middling length, as the engine writes them."""
    return {"vendor": "apptus-shop-eu", "step": "await_export", "attempt": number % 9, "call": str(uuid.uuid4())}


def append(how: str, count: int) -> None:
    ready()
    from django.db import connection, transaction

    from compliance.audit.record import record
    from erasure.actions import WORK_SENDING

    def recorded(number: int) -> None:
        with transaction.atomic():
            record(WORK_SENDING, actor="system:worker", case="DSR-2026-000123", subject=SUBJECT, **details(number))

    def plain(number: int) -> None:
        row = event_row(number)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                'INSERT INTO plain_event (event_id, at, actor, action, "case", subject, canonical, leaf_hash) '
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                row,
            )

    write = {"recorded": recorded, "plain": plain}[how]
    for number in range(5):
        write(number)
    seconds = timed(lambda: [write(number) for number in range(count)])
    print(json.dumps({"seconds": seconds}))


def steady(seconds: int) -> None:
    ready()
    from django.db import transaction

    from compliance.audit.record import record
    from erasure.actions import WORK_SENDING

    pause = STEADY_WRITERS / RATE
    begun, late = time.monotonic(), 0.0
    for number in range(int(seconds / pause)):
        wait = begun + number * pause - time.monotonic()
        late = max(late, -wait)
        time.sleep(max(wait, 0))
        with transaction.atomic():
            record(WORK_SENDING, actor="system:worker", case="DSR-2026-000123", subject=SUBJECT, **details(number))
    print(json.dumps({"late": late}))


SUBJECT = "sub_task:0e8b6e6c-3f0a-4d43-9f3d-1c1f6a4a9c55"


def event_row(number: int) -> tuple[object, ...]:
    from datetime import UTC, datetime

    event_id, at = uuid.uuid4(), datetime.now(UTC)
    case, actor, action = f"DSR-2026-{number % 20_000:06}", "system:worker", "sub_task.sending"
    stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = {"action": action, "actor": actor, "at": stamp, "case": case, "details": details(number)}
    canonical = json.dumps(told | {"id": str(event_id), "subject": SUBJECT}, sort_keys=True, separators=(",", ":"))
    leaf = hashlib.sha256(b"\x00" + canonical.encode()).hexdigest()
    return event_id, at, actor, action, case, SUBJECT, canonical, leaf


# --- the figures ------------------------------------------------------------------------------------------------------


def appending(desk: Desk) -> None:
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE plain_event (LIKE audit_event INCLUDING ALL)")
    rates: dict[str, list[float]] = {"plain": [], "recorded": []}
    for _round in range(ROUNDS):
        for how, found in rates.items():
            told = desk.workers(WRITERS, "--part", how, "--count", str(EACH))
            found.append(WRITERS * EACH / max(one["seconds"] for one in told))
    middle = {how: statistics.median(found) for how, found in rates.items()}
    ratios = [mine / plain for mine, plain in zip(rates["recorded"], rates["plain"], strict=True)]
    say("plain inserts, 8 connections", f"{middle['plain']:,.0f}/s")
    say("events recorded, 8 connections", f"{middle['recorded']:,.0f}/s")
    say("recorded : plain", f"{statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def lag(desk: Desk, seconds: int) -> None:
    sealer = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.trail", "--part", "seal", "--count", str(seconds + 20)],
        cwd=ROOT,
        env=desk.environment,
        stdout=subprocess.DEVNULL,
    )
    with psycopg.connect(desk.url) as connection:
        (first,) = connection.execute("SELECT coalesce(max(id), 0) FROM audit_event").fetchone() or (0,)
        told = desk.workers(STEADY_WRITERS, "--part", "steady", "--count", str(seconds))
        sealer.wait(seconds + 60)
        row = connection.execute(
            "SELECT count(*), percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP"
            " (ORDER BY extract(epoch FROM c.at - e.at)) FROM audit_event e JOIN audit_leaf l ON l.event_id = e.id"
            " CROSS JOIN LATERAL (SELECT at FROM audit_checkpoint WHERE size > l.index ORDER BY size LIMIT 1) c"
            " WHERE e.id > %s",
            [first],
        ).fetchone()
    assert row
    count, (middle, most, longest) = row
    say(
        f"sealing lag at {RATE} events/s for {seconds} s ({count:,} events)",
        f"median {middle:.1f} s, 99% {most:.1f} s, longest {longest:.1f} s",
    )
    say("the writers fell behind by at most", f"{max(one['late'] for one in told):.2f} s")


def keep_sealing(seconds: int) -> None:
    import django

    django.setup()
    from compliance.audit import seal
    from erasure.worker.supervisor import SEAL_SECONDS

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seal.seal()
        time.sleep(SEAL_SECONDS)


def fill(desk: Desk, count: int) -> None:
    with psycopg.connect(desk.url) as connection:
        with (
            connection.cursor() as cursor,
            cursor.copy(
                'COPY audit_event (event_id, at, actor, action, "case", subject, canonical, leaf_hash) FROM STDIN'
            ) as copy,
        ):
            for number in range(count):
                copy.write_row(event_row(number))
        connection.execute(
            "INSERT INTO audit_pendingevent (event_id) SELECT id FROM audit_event e WHERE NOT EXISTS "
            "(SELECT 1 FROM audit_leaf WHERE event_id = e.id) ON CONFLICT DO NOTHING"
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    code = "import django; django.setup(); from compliance.audit import seal\nwhile seal.seal(): pass"
    took = timed(lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=desk.environment, check=True))
    say(f"sealing {count:,} events at once", f"{count / took:,.0f}/s")


def exporting(desk: Desk, events: int) -> Path:
    out, plain = desk.folder / "trail.csv", desk.folder / "plain.csv"
    query = f"SELECT {COLUMNS} FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id ORDER BY index"
    copy = ["psql", "-q", desk.url, "-c", f"\\copy ({query}) TO '{plain}' CSV HEADER"]
    code = (
        "import resource, sys; from django.core.management import execute_from_command_line as run;"
        f"run(['manage.py', 'export_audit', '--out', {str(out)!r}]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    copied, exported, peak = [], [], 0
    for _round in range(3):
        copied.append(timed(lambda: subprocess.run(copy, check=True)))
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=desk.environment, check=True, capture_output=True, text=True
        )
        exported.append(time.perf_counter() - begun)
        peak = max(peak, int(done.stdout.split()[-1]))
    ratio = statistics.median(mine / theirs for mine, theirs in zip(exported, copied, strict=True))
    say(f"\\copy of {events:,} events", f"{statistics.median(copied):.1f} s ({plain.stat().st_size / 2**20:,.0f} MiB)")
    say(
        "export_audit, with proofs' files",
        f"{statistics.median(exported):.1f} s ({out.stat().st_size / 2**20:,.0f} MiB)",
    )
    say("export : \\copy", f"{ratio:.1f}")
    say("export's peak memory", f"{peak / 1024:.0f} MiB")
    plain.unlink()
    return out


def verifying(desk: Desk, file: Path) -> None:
    key = desk.folder / "key.txt"
    key.write_text(
        subprocess.run(
            [sys.executable, "manage.py", "audit_key"],
            cwd=ROOT,
            env=desk.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    verify = [sys.executable, "-I", str(ROOT / "compliance/audit/verify.py"), str(file), "--public-key", str(key)]
    digest = [sys.executable, "-I", "-c", f"import hashlib; hashlib.file_digest(open({str(file)!r}, 'rb'), 'sha256')"]
    passes = [timed(lambda: subprocess.run(digest, check=True)) for _round in range(3)]
    checks = [timed(lambda: subprocess.run(verify, check=True, stdout=subprocess.DEVNULL)) for _round in range(3)]
    say("one SHA-256 pass over the file", f"{statistics.median(passes):.1f} s")
    say("verify.py on the file", f"{statistics.median(checks):.1f} s")
    say("verify : SHA-256", f"{statistics.median(checks) / statistics.median(passes):.1f}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    say("the largest process of this run", f"{peak / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--part", choices=["recorded", "plain", "steady", "seal"], help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        parts = {"steady": steady, "seal": keep_sealing}
        parts[given.part](given.count) if given.part in parts else append(given.part, given.count)
        return
    with database() as url, tempfile.TemporaryDirectory() as folder:
        desk = Desk(url, folder)
        desk.manage("migrate", "-v0")
        say("machine", f"{os.cpu_count()} cores, Python {platform.python_version()}")
        appending(desk)
        lag(desk, given.seconds)
        fill(desk, given.events)
        verifying(desk, exporting(desk, given.events))


if __name__ == "__main__":
    main()
