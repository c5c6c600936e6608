"""Pages of the trail: every row once, in the order of the log, whichever way they are walked."""

import pytest

from compliance.audit import export, seal
from compliance.audit.export import Selection
from compliance.audit.paging import Place, page

from .bulk import bulk_events, bulk_log

PARTS = [Selection(), Selection(actor="user:1"), Selection(case="DSR-2026-000001"), Selection(after_index=6)]
pytestmark = pytest.mark.django_db


@pytest.fixture
def size() -> int:
    """A log of 20 events, five of them sealed after its pin, and then four that are not sealed."""
    size = bulk_log(14, cases=2, actors=2)
    bulk_log(5, cases=2, actors=2)
    bulk_events(4, cases=2, actors=2)
    return size


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("part", PARTS, ids=["whole", "actor", "case", "after"])
def test_walked_on_or_back_pages_hold_what_an_export_holds(size, part, limit):
    every = list(export.rows(part, size, tail=True))
    walked, last, more = [], None, True
    while more:
        rows, more = page(part, size, limit, after=last)
        assert len(rows) == limit or not more
        walked += rows
        last = rows[-1][0]
    assert [row for _place, row in walked] == every
    back, first, more = walked[-1:], walked[-1][0], len(walked) > 1
    while more:
        rows, more = page(part, size, limit, before=first)
        assert len(rows) == limit or not more
        back = [*rows, *back]
        first = rows[0][0]
    assert back == walked


def test_beyond_the_last_and_before_the_first_there_is_nothing(size):
    every, _more = page(Selection(), size, 100)
    assert page(Selection(), size, 5, after=every[-1][0]) == ([], False)
    assert page(Selection(), size, 5, before=every[0][0]) == ([], False)
    assert page(Selection(), 0, 5, before=Place(False, 0)) == ([], False)
    far = Place(True, 2**62)
    assert page(Selection(), size, 3, before=far) == (every[-3:], True)
    assert page(Selection(), size, 3, after=Place(False, 2**62))[0][0][0].in_tail


def test_what_is_sealed_during_a_walk_is_not_seen_twice_nor_skipped(size):
    walked, last, more = [], None, True
    while more:
        rows, more = page(Selection(), size, 4, after=last)
        walked += [row.event_id for _place, row in rows]
        last = rows[-1][0]
        seal.seal(wait=True)
    assert len(set(walked)) == len(walked) == 15 + 5 + 4


def test_asked_for_sealed_rows_there_is_no_tail_either_way(size):
    part = Selection(after_index=size - 3)
    assert [row.index for _place, row in page(part, size, 10).rows] == [size - 2, size - 1]
    assert [row.index for _place, row in page(part, size, 10, before=Place(True, 2**60)).rows] == [size - 2, size - 1]
