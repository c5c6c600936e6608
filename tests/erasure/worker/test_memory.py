"""A real worker stays below 200 MiB whatever a vendor sends. `make bench BENCH=memory` measures what takes long too."""

from pathlib import Path

import pytest

from tests.benchmarks.memory import AIM, LINES, measure

pytestmark = [pytest.mark.slow, pytest.mark.any_database]
#: What took from half a gigabyte to all of the machine's memory before it was bounded, and one call of each kind.
QUICK = {
    "gzip bomb: 512 MiB in a JSON reply": ("failed", "encoded"),
    "zip bomb: 512 MiB, bzip2": ("ok", "broken_reply"),
    "1 MiB of JSON: 350,000 objects": ("unknown", "broken_reply"),
    "64 MiB of CSV: one row": ("ok", "file_unreadable"),
}


@pytest.mark.parametrize("line", [line for line in LINES if line.name in QUICK], ids=lambda line: line.name)
def test_a_vendor_cannot_fill_a_workers_memory(tmp_path: Path, line) -> None:
    it = measure(line, tmp_path)
    assert (it.verdict, it.code or it.attention) == QUICK[line.name]
    assert it.peak <= AIM
