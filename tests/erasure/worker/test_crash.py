"""A worker killed with SIGKILL at each point between its commits. The oracle is the vendor's own journal.

One desk with an account at each vendor serves all: every test has customers and cases of its own, and the desk must
have stayed well after each.
"""

from collections.abc import Iterator

import pytest

from erasure.sandbox import Acoustic, Acquia, Apptus
from erasure.worker import points
from tests.desk import Desk

from .shop import AcousticShop, AcquiaShop, AgainShop, ApptusShop, Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow
TEN_YEARS = 3650 * 86_400  # seconds

BEFORE_AND_AFTER = (points.BEFORE_SEND, points.AFTER_REPLY)
IN_A_CALL = (points.AFTER_INTENT, *BEFORE_AND_AFTER)  # its lease has to run out
PLACES = {
    ("apptus", "start_export"): points.ALL,
    ("apptus", "fetch_export"): points.ALL,
    ("apptus", "start_removal"): points.ALL,
    ("apptus", "await_removal"): points.ALL,
    ("again", "start_again"): IN_A_CALL,
    ("again", "await_again"): BEFORE_AND_AFTER,
    ("again", "fetch_again"): IN_A_CALL,
    ("acoustic", "create_job"): BEFORE_AND_AFTER,
    ("acoustic", "upload"): BEFORE_AND_AFTER,
    ("acoustic", "fetch_file"): (points.AFTER_REPLY,),
    ("acoustic", "delete_file"): BEFORE_AND_AFTER,
    ("acoustic", "complete"): BEFORE_AND_AFTER,
    ("acquia", "sign_in"): IN_A_CALL,
    ("acquia", "submit"): IN_A_CALL,
}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shop]]:
    folder = tmp_path_factory.mktemp("crash")
    with (
        Apptus(archive_days=0).start() as apptus,
        Apptus(archive_days=0).start() as asked_again,
        Acoustic().start() as acoustic,
        Acquia(expires_in=TEN_YEARS).start() as acquia,
        Desk(folder, settings="tests.crash.settings") as desk,
    ):
        again = AgainShop(desk, asked_again, name="again")
        shops = (ApptusShop(desk, apptus), again, AcousticShop(desk, acoustic), AcquiaShop(desk, acquia))
        desk.start("work")
        yield {shop.name: shop for shop in shops}


@pytest.mark.parametrize(
    ("vendor", "step", "point"), [(*place, point) for place, of_it in PLACES.items() for point in of_it]
)
def test_a_worker_killed_there_neither_loses_nor_silently_repeats_anything(
    shops: dict[str, Shop], vendor: str, step: str, point: str
) -> None:
    shop = shops[vendor]
    customers = [f"C{number}-{point}-{step}" for number in range(shop.together)]
    switch = shop.strike_at(point, step)
    references = shop.approved_at_once(*customers)
    for reference in references:
        shop.ends(reference)
    assert not switch.exists(), "nothing was killed"
    shop.confirm(*references)
    firsts = set()
    for customer, reference in zip(customers, references, strict=True):
        case = shop.look(reference)
        assert (case["status"], case["outcomes"]) == ("completed", ["erased"])
        hold_to_promises(shop, customer, reference)
        sent = [event for event in shop.trail(reference) if event["action"] == "sub_task.sending"]
        firsts.add(sent[0]["call"])
        if step in shop.effects_of and point in IN_A_CALL:
            unknown = [event["step"] for event in shop.trail(reference) if event["action"] == "sub_task.unknown"]
            assert unknown == [step], "the trail does not name the call that was lost"
    assert len(firsts) == 1, "one call was to carry them all"


def test_the_trail_of_all_of_it_verifies(shops: dict[str, Shop]) -> None:
    verify_trail(shops["apptus"].desk)
