"""The hashes of an append-only log: RFC 9162, section 2.1. Pure functions; a hash is 32 bytes.

A *node* (level, index) is the root of the full subtree over the leaves index·2^level … (index + 1)·2^level - 1; level 0
is a leaf. The *frontier* of a log is the full subtrees that it falls into, largest first: as many as its size has ones
in binary. It is all that is needed to append to the log and to say its root, however long the log is.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

EMPTY = hashlib.sha256().digest()  # the root of a log without leaves (RFC 9162, section 2.1.1)

#: Gives the hash of the node (level, index).
Node = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A log of `size` leaves, as the roots of its full subtrees. Raises ValueError where the two do not fit."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(f"{len(self.hashes)} subtrees do not make a log of {size} leaves")

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Appends a leaf's hash; yields each full subtree that it completes, as level, index and hash. Read it all."""
        level, node = 0, leaf
        while self.size >> level & 1:
            node = node_hash(self.hashes.pop(), node)
            level += 1
            yield level, self.size >> level, node
        self.hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def cover(first: int, end: int) -> Iterator[tuple[int, int]]:
    """The fewest nodes that together cover the leaves first … end - 1, from left to right, as (level, index)."""
    while first < end:
        level = (end - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        yield level, first >> level
        first += 1 << level


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that the leaf `index` is in the log of `size` leaves: PATH of section 2.1.3.1.
    Raises ValueError for a leaf that this log does not have."""
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} has no leaf {index}")
    first, end, proof = 0, size, []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            proof.append(_root(middle, end, node))
            end = middle
        else:
            proof.append(_root(first, middle, node))
            first = middle
    return proof[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Iterable[bytes]) -> bytes:
    """The root to which an inclusion proof leads from the leaf's hash: section 2.1.3.2. Raises ValueError for a proof
    that is too short or too long."""
    place, last, value = index, size - 1, leaf
    for node in proof:
        if not last:
            raise ValueError("the proof is too long")
        if place & 1 or place == last:
            value = node_hash(node, value)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, node)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return value


def consistency(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the log of `new` leaves begins with the log of `old` leaves: PROOF of section 2.1.4.1. Empty where
    there is nothing to prove: the two are one, or the old one is empty. Raises ValueError for old > new."""
    if not 0 <= old <= new:
        raise ValueError(f"a log of {new} cannot begin with one of {old}")
    if old in (0, new):
        return []
    first, end, proof = 0, new, []
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            proof.append(_root(middle, end, node))
            end = middle
        else:
            proof.append(_root(first, middle, node))
            first = middle
    if first:  # else the verifier has this subtree: it is the whole old log
        proof.append(_root(first, end, node))
    return proof[::-1]


def root(size: int, node: Node) -> bytes:
    return _root(0, size, node) if size else EMPTY


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _root(first: int, end: int, node: Node) -> bytes:
    """The hash over the leaves first … end - 1, where `first` is a place at which RFC 9162 splits a log."""
    hashes: Sequence[bytes] = [node(*place) for place in cover(first, end)]
    value = hashes[-1]
    for left in reversed(hashes[:-1]):
        value = node_hash(left, value)
    return value
