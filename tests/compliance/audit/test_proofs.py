"""Gaps: what stands for the events that are not shown. Appending rows and gaps is written anew here, from RFC 9162."""

import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import clock
from compliance.audit import export, proofs, seal
from compliance.audit.export import Selection
from compliance.audit.models import Anchor, Leaf
from compliance.audit.proofs import Gaps, beside

from . import oracle
from .bulk import bulk_log

LEAVES = [str(number).encode() for number in range(70)]


def node(level: int, index: int) -> bytes:
    return oracle.mth(LEAVES[index << level : (index + 1) << level])


class Reader:
    """Appends leaves and full subtrees to a log, as a verifier does, and keeps the root at every size it comes by."""

    def __init__(self) -> None:
        self.size, self.trees, self.roots = 0, [], {}

    def add(self, first: int, width: int, tree: bytes) -> None:
        assert first == self.size, "a hole, or an overlap"
        assert width.bit_count() == 1 and first % width == 0, "no full subtree"
        self.size += width
        while self.trees and self.trees[-1][0] == width:
            width, tree = width * 2, hashlib.sha256(b"\1" + self.trees.pop()[1] + tree).digest()
        self.trees.append((width, tree))
        root = self.trees[-1][1]
        for _width, left in reversed(self.trees[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        self.roots[self.size] = root


def read(size: int, shown: list[int], cuts=()) -> Reader:
    gaps, reader = Gaps(size, cuts, node), Reader()
    for index in shown:
        for gap in gaps.before(index):
            reader.add(gap.first, gap.width, bytes.fromhex(gap.hash))
        reader.add(index, 1, node(0, index))
    for gap in gaps.rest():
        reader.add(gap.first, gap.width, bytes.fromhex(gap.hash))
    return reader


@given(
    size=st.integers(1, len(LEAVES)),
    chosen=st.sets(st.integers(0, len(LEAVES) - 1)),
    cuts=st.lists(st.integers(-2, len(LEAVES) + 5), max_size=6),
)
def test_rows_and_gaps_make_the_root_of_the_log_and_of_every_cut(size, chosen, cuts):
    reader = read(size, sorted(index for index in chosen if index < size), cuts)
    assert reader.size == size
    for place in [size, *(cut for cut in cuts if 0 < cut < size)]:
        assert reader.roots[place] == oracle.mth(LEAVES[:place])


def test_the_gaps_are_as_few_as_they_can_be():
    assert list(Gaps(64, node=node).rest()) == [(0, 64, node(6, 0).hex())]
    found = Gaps(64, node=node)
    assert [gap[:2] for gap in found.before(33)] == [(0, 32), (32, 1)]
    assert [gap[:2] for gap in found.rest()] == [(34, 2), (36, 4), (40, 8), (48, 16)]
    assert [gap[:2] for gap in Gaps(64, cuts=[33], node=node).rest()] == [
        (0, 32),
        (32, 1),
        (33, 1),
        (34, 2),
        (36, 4),
        (40, 8),
        (48, 16),
    ]


def test_an_empty_log_and_a_log_that_is_shown_whole_have_no_gap():
    assert list(Gaps(0, node=node).rest()) == []
    found = Gaps(5, cuts=[2, 3], node=node)
    assert [gap for index in range(5) for gap in found.before(index)] + list(found.rest()) == []


# --- from the database ------------------------------------------------------------------------------------------------


def test_of_a_real_log_every_gap_is_the_root_of_what_it_stands_for(db, monkeypatch):
    size = bulk_log(700, cases=40)  # more than one tile of subtrees
    texts = list(Leaf.objects.order_by("index").values_list("event__canonical", flat=True))
    leaves, gaps = io.StringIO(), io.StringIO()
    rows = list(
        beside(
            export.rows(Selection(case="DSR-2026-000003"), size), size, leaves=leaves, proofs=gaps, cuts=[size - 100]
        )
    )
    assert len(rows) == 18
    assert leaves.getvalue() == "".join(f"{row.leaf_hash}\n" for row in rows)
    said = json.loads(gaps.getvalue())
    assert said["size"] == size
    covered = {row.index for row in rows}
    for first, width, value in said["gaps"]:
        assert oracle.mth([text.encode() for text in texts[first : first + width]]).hex() == value
        assert not first < size - 100 < first + width, "a gap straddles the cut"
        span = range(first, first + width)
        assert covered.isdisjoint(span)
        covered.update(span)
    assert covered == set(range(size))


def test_each_gap_is_a_line(db):
    size = bulk_log(20)
    leaves, gaps = io.StringIO(), io.StringIO()
    list(beside(export.rows(Selection(after_index=17), size), size, leaves=leaves, proofs=gaps))
    head, *lines, end, after = gaps.getvalue().split("\n")
    assert (head, end, after) == (f'{{"size": {size}, "gaps": [', "]}", "")
    assert [json.loads(line.removesuffix(","))[:2] for line in lines] == [[0, 16], [16, 2]]


def test_without_a_gap_the_file_is_json_all_the_same(db):
    size = bulk_log(3)
    gaps = io.StringIO()
    list(beside(export.rows(Selection(after_index=-1), size), size, leaves=io.StringIO(), proofs=gaps))
    assert json.loads(gaps.getvalue()) == {"size": size, "gaps": []}


def test_rows_that_are_not_sealed_need_no_proof(tell):
    size = bulk_log(3)
    tell()
    leaves, gaps = io.StringIO(), io.StringIO()
    selection = Selection(case="DSR-2026-000001")
    rows = list(beside(export.rows(selection, size, tail=True), size, leaves=leaves, proofs=gaps))
    assert [row.index for row in rows] == [1, None]
    assert leaves.getvalue().count("\n") == 1
    assert json.loads(gaps.getvalue())["gaps"][-1][:2] == [2, 2]


def test_the_newest_anchored_sizes_are_cuts_each_once(db, monkeypatch):
    monkeypatch.setattr(proofs, "_ANCHORED", 3)
    for place in ("file:///a", "file:///b"):
        for size in (1, 4, 9, 12, 30):
            Anchor.objects.create(size=size, place=place, at=clock.now())
    assert proofs.anchored(30) == [12, 9, 4]
    assert proofs.anchored(12) == [9, 4, 1]
    assert proofs.anchored(1) == []


@pytest.mark.parametrize("sizes", [(3, 10), (0, 99)])
def test_a_cut_outside_of_the_log_changes_nothing(db, sizes):
    size = bulk_log(9)
    assert seal.newest().size == size == 10
    plain, cut = (Gaps(size, cuts) for cuts in ((), sizes))
    if sizes == (0, 99):
        assert list(plain.rest()) == list(cut.rest())
    else:
        assert [gap[:2] for gap in cut.rest()] == [(0, 2), (2, 1), (3, 1), (4, 4), (8, 2)]
