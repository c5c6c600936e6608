"""An export takes the same memory however long the log is. Whoever gathered its rows would fail here."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable

from django.conf import settings

from compliance.audit import bundle, export, seal
from compliance.audit.export import Selection

from .bulk import bulk_log

EVENTS = 15_000
MIB = 1024 * 1024


def peak(make: Callable[[], Iterable[str | bytes]]) -> int:
    """The most memory that is taken while all of it is read, piece by piece."""
    tracemalloc.start()
    try:
        for _piece in make():
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_only_a_page_is_held_of_the_whole_log_or_a_part(db):
    size = bulk_log(EVENTS, cases=2, actors=2)
    whole, part = Selection(), Selection(actor="user:1")
    assert peak(lambda: [export.lines(list(export.rows(part, size)), "csv")]) > 6 * MIB  # gathered
    for ways in (
        lambda: export.pieces(export.csv_lines(export.rows(whole, size))),
        lambda: export.pieces(export.jsonl_lines(export.rows(part, size))),
        lambda: bundle.zip_stream(whole, seal.newest()),
        lambda: bundle.zip_stream(part, seal.newest()),  # with its proofs
    ):
        assert peak(ways) < 5 * MIB


def test_a_command_does_not_load_what_only_a_page_needs(tmp_path):
    """The names of all places that phone numbers may come from take more memory than all the rest of the desk."""
    code = "import django, sys; django.setup(); print('phonenumbers.geodata' in sys.modules)"
    given = {"DJANGO_SETTINGS_MODULE": "compliance.settings", "SECRET_KEY": "x", "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
