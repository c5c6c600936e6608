import io

import pytest
from django.core.management.base import OutputWrapper

from compliance import progress
from compliance.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def watch(monkeypatch):
    """Turns the clock that progress looks at."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def turn(seconds: float) -> None:
        now[0] += seconds

    return turn


def test_on_a_terminal_one_line_is_written_over_and_cleared(watch):
    out = Terminal()
    shown = Progress(OutputWrapper(out))
    shown.at(1000, 0.1)
    assert out.getvalue() == ""  # not due yet
    watch(1)
    shown.at(2000, 0.2)
    shown.at(3000, 0.3)  # too soon after it
    watch(1)
    shown.at(1_234_000, 1.7)
    shown.end()
    assert out.getvalue() == "\r2,000 rows, 20 %\r1,234,000 rows, 100 %\r\x1b[K"


def test_elsewhere_there_are_plain_lines_and_few(watch):
    out = io.StringIO()
    shown = Progress(OutputWrapper(out))
    for number in range(1, 91):
        watch(1)
        shown.at(number * 1000, number / 90)
    shown.end()
    assert out.getvalue() == "30,000 rows, 33 %\n60,000 rows, 66 %\n90,000 rows, 100 %\n"


@pytest.mark.parametrize("output", [Terminal, io.StringIO])
def test_short_work_says_nothing(watch, output):
    out = output()
    shown = Progress(OutputWrapper(out))
    for number in range(500):
        shown.at(number, number / 500)
    shown.end()
    assert out.getvalue() == ""


def test_the_clock_is_looked_at_once_in_a_thousand_rows(watch):
    out = Terminal()
    shown = Progress(OutputWrapper(out))
    watch(5)
    for number in range(1, 1000):
        shown.at(number, 0.5)
    assert out.getvalue() == ""
    shown.at(1000, 0.5)
    assert out.getvalue() == "\r1,000 rows, 50 %"
