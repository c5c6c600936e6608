"""A vendor that takes each call and does not answer, with real workers: it never holds the last one that is free."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from erasure.sandbox import Acquia, Apptus, Fault
from tests.desk import Desk

from .shop import AcquiaShop, ApptusShop

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two workers."""
    with Desk(tmp_path, settings="tests.crash.patient") as desk:
        yield desk


def test_another_vendors_case_comes_to_its_end_while_the_first_call_still_hangs(desk: Desk) -> None:
    with Apptus(archive_days=0).start() as apptus, Acquia().start() as acquia:
        hanging, other = ApptusShop(desk, apptus), AcquiaShop(desk, acquia)
        fault = apptus.faults.add(Fault("hold", times=None))
        hanging.approved_at_once(*(f"C-{number}" for number in range(6)))
        desk.start("work")
        assert fault.reached.wait(120)
        other.ends(other.approved("C-100"), 50)  # a call is held for a minute
        verdicts = "from erasure.models import Call; result = [call.verdict for call in Call.objects.filter(step=step)]"
        hangs = desk.run(verdicts, step="start_export")
        assert hangs == [""], "the first call still hangs, and no second one was begun beside it"
        fault.release()
