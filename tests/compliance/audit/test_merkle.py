"""The hashes of the log beside the public reference vectors and the definitions of RFC 9162."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit import merkle

from . import oracle

# --- github.com/transparency-dev/merkle: testonly/constants.go, proof/verify_test.go, testdata/ -----------------------

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
NODES = [  # by level, from left to right
    [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
        "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
    ],
    [
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    ],
    [
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    ["5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
]
# The proofs as those tests write them, each hash as the place of its node (level, index).
INCLUSION = {  # index, size
    (0, 8): [(0, 1), (1, 1), (2, 1)],
    (5, 8): [(0, 4), (1, 3), (2, 0)],
    (2, 3): [(1, 0)],
    (1, 5): [(0, 0), (1, 1), (0, 4)],
    (0, 1): [],
}
CONSISTENCY = {  # old size, new size
    (1, 1): [],
    (1, 8): [(0, 1), (1, 1), (2, 1)],
    (6, 8): [(1, 2), (1, 3), (2, 0)],
    (2, 5): [(1, 1), (0, 4)],
    (6, 7): [(1, 2), (0, 6), (2, 0)],
}


def given_node(level: int, index: int) -> bytes:
    return bytes.fromhex(NODES[level][index])


def test_the_hashes_of_the_reference():
    assert merkle.EMPTY.hex() == ROOTS[0]
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        merkle.node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_the_trees_of_the_reference():
    frontier = merkle.Frontier()
    assert frontier.root().hex() == ROOTS[0]
    for size, text in enumerate(INPUTS, 1):
        for level, index, node in frontier.append(merkle.leaf_hash(bytes.fromhex(text))):
            assert node == given_node(level, index)
        assert frontier.root().hex() == merkle.root(size, given_node).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_inclusion_proofs_of_the_reference(index, size):
    expected = [given_node(*place) for place in INCLUSION[index, size]]
    assert merkle.inclusion(index, size, given_node) == expected
    assert merkle.root_from_inclusion(index, size, given_node(0, index), expected).hex() == ROOTS[size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_consistency_proofs_of_the_reference(old, new):
    assert merkle.consistency(old, new, given_node) == [given_node(*place) for place in CONSISTENCY[old, new]]


# --- draft-ietf-plants-merkle-tree-certs, "Subtree Test Vectors" (also testonly/vectors_test.go there) ----------------


def test_the_accumulated_vectors_of_all_subtrees_up_to_130_leaves():
    """Every subtree [start, end) that the draft allows is a tree of its own; all their roots, and all proofs of
    inclusion in them, are hashed together."""
    levels = [[merkle.leaf_hash(bytes([number])) for number in range(130)]]
    while len(levels[-1]) > 1:
        pairs = zip(levels[-1][::2], levels[-1][1::2], strict=False)
        levels.append([merkle.node_hash(*pair) for pair in pairs])
    roots, proofs = hashlib.sha256(), hashlib.sha256()
    for end in range(1, 131):
        for start in range(end):
            size = end - start
            if start % (1 << (size - 1).bit_length()):
                continue

            def node(level: int, index: int, start: int = start) -> bytes:
                return levels[level][(start >> level) + index]

            roots.update(f"[{start}, {end}) {merkle.root(size, node).hex()}\n".encode())
            for index in range(size):
                proof = "".join(f" {one.hex()}" for one in merkle.inclusion(index, size, node))
                proofs.update(f"{start + index} [{start}, {end}){proof}\n".encode())
    assert roots.hexdigest() == "94a95384a8c69acea9b50d035a58285b3a777cb7a724005faa5e1f1e1190007f"
    assert proofs.hexdigest() == "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f"


# --- RFC 9162, by recursion -------------------------------------------------------------------------------------------

sizes = st.integers(1, 300)


def inputs(size: int) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in range(size)]


def node_of(leaves: list[bytes]) -> merkle.Node:
    def node(level: int, index: int) -> bytes:
        part = leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "a node that is not full was asked for"
        return oracle.mth(part)

    return node


@settings(deadline=None)
@given(sizes, st.data())
def test_an_inclusion_proof_is_the_path_of_the_rfc(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = inputs(size)
    proof = merkle.inclusion(index, size, node_of(leaves))
    assert proof == oracle.path(index, leaves)
    assert merkle.root_from_inclusion(index, size, merkle.leaf_hash(leaves[index]), proof) == oracle.mth(leaves)


@settings(deadline=None)
@given(sizes, st.data())
def test_a_damaged_inclusion_proof_leads_elsewhere(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = inputs(size)
    leaf, root = merkle.leaf_hash(leaves[index]), oracle.mth(leaves)
    proof = oracle.path(index, leaves)
    assert merkle.root_from_inclusion(index, size, merkle.leaf_hash(b"another"), proof) != root
    for longer in ([*proof, root], [root, *proof]):
        with pytest.raises(ValueError, match="too long"):
            merkle.root_from_inclusion(index, size, leaf, longer)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert merkle.root_from_inclusion(index, size, leaf, [*proof[:at], root, *proof[at + 1 :]]) != root
        with pytest.raises(ValueError, match="too short"):
            merkle.root_from_inclusion(index, size, leaf, proof[:-1])


@settings(deadline=None)
@given(sizes, st.data())
def test_a_consistency_proof_is_the_proof_of_the_rfc(new, data):
    old = data.draw(st.integers(1, new))
    leaves = inputs(new)
    assert merkle.consistency(old, new, node_of(leaves)) == oracle.proof(old, leaves)


def test_every_proof_of_every_small_log():
    for size in range(1, 34):
        leaves = inputs(size)
        node = node_of(leaves)
        for number in range(size):
            assert merkle.inclusion(number, size, node) == oracle.path(number, leaves)
            assert merkle.consistency(number + 1, size, node) == oracle.proof(number + 1, leaves)


@settings(deadline=None)
@given(sizes, st.data())
def test_a_frontier_has_the_root_of_the_rfc_at_every_size(size, data):
    leaves = inputs(size)
    node = node_of(leaves)
    frontier = merkle.Frontier()
    for number, leaf in enumerate(leaves, 1):
        for level, index, completed in frontier.append(merkle.leaf_hash(leaf)):
            assert ((index + 1) << level, completed) == (number, node(level, index))
    assert (frontier.size, frontier.root()) == (size, oracle.mth(leaves))
    assert merkle.root(size, node) == oracle.mth(leaves)
    at = data.draw(st.integers(0, size))
    resumed = merkle.Frontier(at, [node(*place) for place in merkle.cover(0, at)])
    assert resumed.root() == oracle.mth(leaves[:at])
    for leaf in leaves[at:]:
        list(resumed.append(merkle.leaf_hash(leaf)))
    assert resumed.hashes == frontier.hashes


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 0), (4, 2), (7, 2)])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size, count):
    with pytest.raises(ValueError, match="do not make a log"):
        merkle.Frontier(size, [merkle.EMPTY] * count)


@settings(deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_cover_tiles_its_span_exactly_with_the_fewest_nodes(first, end):
    first, end = min(first, end), max(first, end)
    nodes = list(merkle.cover(first, end))
    spans = [(index << level, (index + 1) << level) for level, index in nodes]
    edges = [first, *(stop for _start, stop in spans)]
    assert edges[-1] == end
    assert [start for start, _stop in spans] == edges[:-1]
    for (level, index), (next_level, next_index) in pairwise(nodes):
        assert (level, index | 1) != (next_level, next_index) or index & 1, "two nodes that are one"


def test_what_the_log_does_not_have_is_refused():
    for index, size in ((-1, 4), (4, 4), (0, 0)):
        with pytest.raises(ValueError, match="has no leaf"):
            merkle.inclusion(index, size, given_node)
    for old, new in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="cannot begin with"):
            merkle.consistency(old, new, given_node)


def test_nothing_is_to_be_proven_of_an_empty_log_or_of_the_same_one():
    assert merkle.consistency(0, 7, given_node) == merkle.consistency(7, 7, given_node) == []
    assert merkle.root(0, given_node) == merkle.Frontier().root() == oracle.mth([])
