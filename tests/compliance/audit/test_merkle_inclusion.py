import hashlib

import pytest

from compliance.audit.merkle import Frontier, inclusion, leaf_hash, node_hash, root_from_inclusion

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]


def node(level: int, index: int) -> bytes:
    """A node of the log of LEAVES, put together from its leaves."""
    if level == 0:
        return LEAVES[index]
    return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_leafs_proof_leads_to_the_root_and_no_other_proof_does(size):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        list(frontier.append(leaf))
    root = frontier.root()
    for index in range(size):
        proof = inclusion(index, size, node)
        assert root_from_inclusion(index, size, LEAVES[index], proof) == root
        assert root_from_inclusion(index, size, hashlib.sha256().digest(), proof) != root
        with pytest.raises(ValueError, match="too long"):
            root_from_inclusion(index, size, LEAVES[index], [*proof, root])
        if proof:
            assert root_from_inclusion(index, size, LEAVES[index], [*proof[:-1], root]) != root
            with pytest.raises(ValueError, match="too short"):
                root_from_inclusion(index, size, LEAVES[index], proof[:-1])
