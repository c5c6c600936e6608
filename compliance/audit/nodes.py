"""The nodes of the sealed log, read from the database as proofs ask for them."""

from collections.abc import Iterable
from functools import lru_cache

from .merkle import node_hash
from .models import Leaf, Subtree
from .seal import TILE

_WIDTH = 1 << TILE


class Nodes:
    """Gives the hash of a node (level, index), as `merkle.Node`. Reads blocks of 256 rows and keeps the last few, so
    that proofs in the order of the log read each block once. Raises LookupError for a node that the log lacks."""

    def __init__(self) -> None:
        self._block = lru_cache(maxsize=64)(_read)

    def __call__(self, level: int, index: int) -> bytes:
        base = level // TILE * TILE
        height = level - base
        first = index << height
        rows = self._block(base, first // _WIDTH)
        hashes = rows[first % _WIDTH : first % _WIDTH + (1 << height)]
        if len(hashes) != 1 << height:
            raise LookupError(f"the log has no full subtree {index} on level {level}")
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[pair : pair + 2]) for pair in range(0, len(hashes), 2)]
        return hashes[0]


def _read(level: int, block: int) -> list[bytes]:
    """The nodes of a level that is kept, 256 from 256 · `block` on, or as many as there are."""
    span = {"index__gte": block * _WIDTH, "index__lt": (block + 1) * _WIDTH}
    found: Iterable[str]
    if level == 0:
        found = Leaf.objects.filter(**span).order_by("index").values_list("event__leaf_hash", flat=True)
    else:
        found = Subtree.objects.filter(level=level, **span).order_by("index").values_list("hash", flat=True)
    return [bytes.fromhex(text) for text in found]
