"""What proves that the rows of a part are in the log: the hashes of all that was left out, as full subtrees.

Rows and gaps lie side by side from the first leaf to the last, so whoever appends both in order comes to the root of
the checkpoint (README, "Audit export"). Nothing but hashes is said of what was left out.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import IO, NamedTuple

from .export import Row
from .merkle import Node, cover
from .models import Anchor
from .nodes import Nodes

_ANCHORED = 50  # the newest sizes that were sent elsewhere


class Gap(NamedTuple):
    """A full subtree of `width` leaves from `first` on, and its root in hex."""

    first: int
    width: int
    hash: str


class Gaps:
    """The gaps beside the rows that are shown, in a log of `size` leaves: tell it each row's index, in order.

    No gap straddles one of `cuts`: at such a size the leaves so far make a log of their own, whose root an earlier
    checkpoint must have."""

    def __init__(self, size: int, cuts: Collection[int] = (), node: Node | None = None) -> None:
        self._ends = [*sorted(cut for cut in set(cuts) if 0 < cut < size), size]
        self._size, self._next = size, 0
        self._node = node or Nodes()

    def before(self, index: int) -> Iterator[Gap]:
        """The gaps between the last row that was told and the row `index`. Read them all."""
        while self._next < index:
            while self._ends[0] <= self._next:
                self._ends.pop(0)
            end = min(index, self._ends[0])
            for level, place in cover(self._next, end):
                yield Gap(place << level, 1 << level, self._node(level, place).hex())
            self._next = end
        self._next = index + 1

    def rest(self) -> Iterator[Gap]:
        """The gaps after the last row."""
        yield from self.before(self._size)


def anchored(size: int) -> list[int]:
    """The sizes below `size` of the newest checkpoints that were sent elsewhere."""
    sizes = Anchor.objects.filter(size__lt=size).order_by("-size").values_list("size", flat=True).distinct()
    return list(sizes[:_ANCHORED])


def beside(
    rows: Iterable[Row], size: int, *, leaves: IO[str], proofs: IO[str] | None, cuts: Collection[int] = ()
) -> Iterator[Row]:
    """The rows of an export as they come; on their way `leaves` gets the leaf hash of each sealed row, one a line, and
    `proofs` all else that their proof needs, as JSON with one gap a line. Both are whole when the rows have ended."""
    gaps = Gaps(size, cuts)
    write = _GapLines(size, proofs).write if proofs else None
    for row in rows:
        if row.index is not None:
            leaves.write(f"{row.leaf_hash}\n")
            if write:
                write(gaps.before(row.index))
        yield row
    if write and proofs:
        write(gaps.rest())
        proofs.write("\n]}\n")


class _GapLines:
    def __init__(self, size: int, stream: IO[str]) -> None:
        self._stream, self._between = stream, ""
        stream.write(f'{{"size": {size}, "gaps": [')

    def write(self, gaps: Iterable[Gap]) -> None:
        for gap in gaps:
            self._stream.write(f"{self._between}\n{json.dumps(gap)}")
            self._between = ","
