"""What the admin's lists cost with a million cases.

    python -m tests.benchmarks.lists [--cases N] [--sqlite] [WORD …]      (or: make bench BENCH=lists)

It makes N cases with plans, vendor work, calls and evidence (see `million`), and opens, as a person with every role:
the overview, the list of cases, each of its queues, filters and orders, a page deep in it, the search, the page of a
case, and the other lists. Each line gives how many queries a page took, and the time of these and of the whole page,
without a web server: medians of three rounds. With WORDs, only the lines that hold one of them. Exits with 1 if a page
took more than 20 queries.

It runs on PostgreSQL, in a database of its own on the server of TEST_POSTGRESQL_URL, or with --sqlite on SQLite, and
removes what it made.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .trail import database

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, MOST_QUERIES = 3, 20


def measure(cases: int, words: list[str]) -> int:
    """In a process of its own, on the database that the settings name: fills it if it is empty, and walks."""
    import django

    django.setup()
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    from erasure.models import Case
    from tests.factories import person

    call_command("migrate", verbosity=0)
    roles = list(Group.objects.values_list("name", flat=True))
    you = person("you", *roles)
    if not Case.objects.exists():
        prepare(cases, you)
    print(f"\n{'':52}{'queries':>8}{'database':>12}{'page':>10}")
    worst = 0
    for name, ask in pages(you):
        if not words or any(word in name for word in words):
            rounds = timed(ask)
            queries, data, page = map(statistics.median, zip(*rounds, strict=True))
            worst = max(worst, *(round.queries for round in rounds))
            print(f"{name:<52}{queries:>8.0f}{data:>9.0f} ms{page:>7.0f} ms", flush=True)
    return int(worst > MOST_QUERIES)


def prepare(cases: int, you: Any) -> None:
    from tests.factories import approved_case, opened_case, person, vendor

    from .million import fill

    people = [you, *(person(f"person-{number}", "intake", "approver") for number in range(19))]
    vendors = [vendor("Shop search"), vendor("Newsletter", "acoustic"), vendor("Forum", "manual")]
    begun = time.perf_counter()
    fill(cases, people, vendors)
    print(f"{cases:,} cases made in {time.perf_counter() - begun:.0f} s", flush=True)
    opened_case(external_id="crm-9")
    approved_case(identifiers=[("email", "grace@example.org"), ("customer_id", "C-7")])


class Measured(NamedTuple):
    queries: int
    database: float  # milliseconds
    page: float  # milliseconds, the database's among them


def timed(ask: Callable[[], Any]) -> list[Measured]:
    """What the page takes, in each round; one before them is not counted."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found = []
    for _round in range(ROUNDS + 1):
        with CaptureQueriesContext(connection) as captured:
            begun = time.perf_counter()
            answer = ask()
            took = 1000 * (time.perf_counter() - begun)
            asked = captured.captured_queries
            found.append(Measured(len(asked), 1000 * sum(float(query["time"]) for query in asked), took))
        assert answer.status_code in (200, 302), answer
    return found[1:]


def pages(you: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    from django.test import Client
    from django.urls import reverse

    from erasure.admin.queues import QUEUES
    from erasure.models import Case

    client = Client()
    client.force_login(you)
    assert client.get(reverse("admin:index")).status_code == 200, "every page would lead elsewhere"

    def get(name: str, **asked: str) -> Callable[[], Any]:
        return lambda: client.get(reverse(f"admin:{name}"), asked)

    def find(text: str) -> Callable[[], Any]:
        """The page that shows what was found; without one, the answer to the post."""
        answer = client.post(reverse("admin:erasure_case_find"), {"text": text})
        if answer.status_code == 302 and "?found=" in answer["Location"]:
            return lambda: client.get(answer["Location"])
        return lambda: client.post(reverse("admin:erasure_case_find"), {"text": text})

    def search(text: str) -> Callable[[], Any]:
        return lambda: client.post(reverse("admin:erasure_case_find"), {"text": text})

    cases = "erasure_case_changelist"
    yield "overview", get("index")
    yield "cases", get(cases)
    for slug in QUEUES:
        yield f"cases: queue {slug}", get(cases, queue=slug)
    for asked in (
        {"status__exact": "completed"},
        {"status__exact": "cancelled"},
        {"kind__exact": "erasure"},
        {"kind__exact": "lift_restriction"},
        {"regime__exact": "gdpr"},
        {"regime__exact": "us_va"},
        {"regime__exact": "us_co"},
        {"due": "overdue"},
        {"due_from": "2000-01-01", "due_to": "2100-01-01"},
        *({"attention": word} for word in ("approval", "proposal", "needed", "person", "unanswered", "none")),
        {"handler": "me"},
        {"handler": "nobody"},
        {"vendor": "shop-search"},
        {"vendor": "forum"},
        {"queue": "overdue", "vendor": "newsletter", "regime__exact": "ccpa", "handler": "me"},
        {"queue": "attention", "kind__exact": "export"},
    ):
        yield f"cases: {', '.join(asked.values())}", get(cases, **asked)
    for number, column in ((1, "reference"), (3, "due"), (8, "received")):
        yield f"cases: by {column}", get(cases, o=str(number))
        yield f"cases: by {column}, falling", get(cases, o=f"-{number}")
    deep = Case.objects.order_by("-created_at", "-id")[Case.objects.count() // 2]
    yield "cases: a page in the middle", get(cases, after=f"{deep.created_at.isoformat()}~{deep.pk}")
    yield "cases: the page before it", get(cases, before=f"{deep.created_at.isoformat()}~{deep.pk}")
    yield (
        "cases: gdpr, a page in the middle",
        get(cases, regime__exact="gdpr", after=f"{deep.created_at.isoformat()}~{deep.pk}"),
    )
    yield "cases: by due, from the middle", get(cases, o="3", after=f"{deep.due_on.isoformat()}~{deep.pk}")
    for what, text in (
        ("e-mail", "GRACE@example.org"),
        ("external id", "crm-9"),
        ("reference", "DSR-2020-000123"),
        ("number", "123"),
        ("nobody's address", "nobody@example.org"),
    ):
        yield f"search: {what}", search(text)
    yield "what a search found", find("GRACE@example.org")
    yield "page of a case, ended", lambda: client.get(reverse("admin:erasure_case_change", args=[deep.pk]))
    fresh = Case.objects.order_by("-created_at", "-id")[0]
    yield "page of a case, in progress", lambda: client.get(reverse("admin:erasure_case_change", args=[fresh.pk]))
    work, calls, kept = (f"erasure_{name}_changelist" for name in ("subtask", "call", "evidence"))
    yield "vendor work", get(work)
    for status in ("needs_attention", "waiting", "planned", "done", "skipped"):
        yield f"vendor work: {status}", get(work, status__exact=status)
    yield "vendor work: of a case", get(work, q=deep.reference)
    yield "vendor work: to confirm, by reference", get("erasure_subtask_references")
    yield "calls", get(calls)
    for verdict in ("unknown", "failed", "ok"):
        yield f"calls: {verdict}", get(calls, verdict__exact=verdict)
    yield "calls: of a case", get(calls, q=deep.reference)
    yield "calls: oldest first", get(calls, o="0")
    yield "evidence", get(kept)
    yield "evidence: of a case", get(kept, q=deep.reference)
    yield "trail", get("audit_event_changelist")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        return measure(given.cases, given.words)
    kind = "SQLite" if given.sqlite else "PostgreSQL"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {kind}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if given.sqlite:
            return child(given, folder, f"sqlite:///{folder}/lists.sqlite3")
        with database() as url:
            return child(given, folder, url)


def child(given: argparse.Namespace, folder: str, url: str) -> int:
    environment = os.environ | {
        "DATABASE_URL": url,
        "DATA_DIR": folder,
        "SECRET_KEY": "for a benchmark",
        "DJANGO_SETTINGS_MODULE": "compliance.settings",
        "ALLOWED_HOSTS": "testserver",
        "VENDOR_LOOPBACK": "1",
        "SECOND_FACTOR": "0",
    }
    command = [sys.executable, "-m", "tests.benchmarks.lists", "--here", "--cases", str(given.cases), *given.words]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
