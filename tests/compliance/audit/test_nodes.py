"""The nodes of a real sealed log, read from the database."""

import pytest

from compliance.audit import merkle, seal
from compliance.audit.models import Checkpoint, Event, Leaf, Subtree
from compliance.audit.nodes import Nodes

from . import oracle
from .bulk import bulk_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def leaves() -> list[bytes]:
    """The inputs of a log of 600 leaves: two full blocks of 256 and a part of one."""
    size = bulk_log(600)
    texts = Leaf.objects.order_by("index").values_list("event__canonical", flat=True)
    found = [text.encode() for text in texts]
    assert len(found) == size >= 600
    return found


def test_every_full_node_is_the_hash_of_its_leaves(leaves):
    node = Nodes()
    for level in range(10):
        for index in range(len(leaves) >> level):
            assert node(level, index) == oracle.mth(leaves[index << level : (index + 1) << level])


def test_a_node_that_is_not_full_is_no_node(leaves):
    node = Nodes()
    for level, index in ((0, len(leaves)), (7, len(leaves) >> 7), (8, len(leaves) >> 8), (10, 0), (16, 0), (0, 10**9)):
        with pytest.raises(LookupError, match=f"no full subtree {index} on level {level}"):
            node(level, index)


def test_proofs_read_from_the_database_are_those_of_the_rfc(leaves):
    node, size = Nodes(), len(leaves)
    for index in (0, 1, 255, 256, 300, 511, 512, 598, size - 1):
        assert merkle.inclusion(index, size, node) == oracle.path(index, leaves)
        assert merkle.consistency(index + 1, size, node) == oracle.proof(index + 1, leaves)
        assert merkle.inclusion(0, index + 1, node) == oracle.path(0, leaves[: index + 1])


def test_every_checkpoint_has_the_root_of_its_leaves(leaves):
    bulk_log(5)
    texts = Leaf.objects.order_by("index").values_list("event__canonical", flat=True)
    leaves = [text.encode() for text in texts]
    assert Checkpoint.objects.count() >= 2
    for checkpoint in Checkpoint.objects.all():
        assert checkpoint.root == oracle.mth(leaves[: checkpoint.size]).hex()
        assert checkpoint.root == merkle.root(checkpoint.size, Nodes()).hex()
        cover = merkle.cover(0, checkpoint.size)
        assert checkpoint.frontier.split() == [Nodes()(*place).hex() for place in cover]


def test_the_kept_subtrees_are_those_of_256_leaves(leaves):
    kept = Subtree.objects.order_by("index").values_list("level", "index", "hash")
    assert list(kept) == [(8, index, oracle.mth(leaves[index * 256 : (index + 1) * 256]).hex()) for index in (0, 1)]


def test_blocks_are_read_once_however_many_proofs_are_made(leaves, django_assert_num_queries):
    node, size = Nodes(), len(leaves)
    with django_assert_num_queries(4):  # three blocks of leaves, one of subtrees
        for index in range(size):
            merkle.inclusion(index, size, node)


def test_a_long_log_is_read_by_its_kept_subtrees(db, django_assert_num_queries):
    """Level 16 is read from its own rows: 65,536 leaves are not looked at."""
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(3)]
    Subtree.objects.bulk_create(
        [Subtree(level=16, index=number, hash=value.hex()) for number, value in enumerate(hashes)]
    )
    node = Nodes()
    with django_assert_num_queries(1):
        assert node(16, 1) == hashes[1]
        assert node(17, 0) == merkle.node_hash(hashes[0], hashes[1])
    with pytest.raises(LookupError):
        node(17, 1)


def test_what_is_sealed_hashes_as_recorded(leaves):
    for event in Event.objects.filter(leaf__isnull=False)[:50]:
        assert event.leaf_hash == merkle.leaf_hash(event.canonical.encode()).hex()
    assert seal.newest().size == len(leaves)
