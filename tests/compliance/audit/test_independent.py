"""Our proofs and signed checkpoints before an implementation that is not ours: metamorphic-log, in Rust, which follows
c2sp.org/signed-note, c2sp.org/tlog-checkpoint and RFC 9162 (proofs of inclusion, of consistency)."""

import metamorphic_log as independent
import pytest

from compliance.audit import merkle, seal, signing
from compliance.audit.models import Checkpoint, Leaf
from compliance.audit.nodes import Nodes

from .bulk import bulk_log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_key(db, settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = tmp_path / "audit.key"
    signing.ensure()


@pytest.fixture
def log() -> list[bytes]:
    """The leaves of a real log that was sealed a few times, past the first kept subtree and not to a full one."""
    for count in (1, 2, 5, 120, 128, 44, 40):
        bulk_log(count)
    hashes = Leaf.objects.order_by("index").values_list("event__leaf_hash", flat=True)
    return [bytes.fromhex(one) for one in hashes]


def checkpoints() -> list[Checkpoint]:
    return list(Checkpoint.objects.order_by("size"))


def keys() -> list[str]:
    return [key.verifier_key for key in seal.public_keys()]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_every_signed_checkpoint_is_accepted(log):
    assert len(checkpoints()) >= 7
    for checkpoint in checkpoints():
        head = independent.checkpoint_verify(checkpoint.note, keys())
        assert (head.size, head.root.hex()) == (checkpoint.size, checkpoint.root)
        assert keys()[0].startswith(f"{head.origin}+")


def test_a_damaged_checkpoint_is_refused(log):
    note = checkpoints()[-1].note
    size = str(len(log))
    other = note.replace("erasure-desk/", "erasure-disk/")
    for damaged in (note.replace(f"\n{size}\n", f"\n{len(log) - 1}\n", 1), note[:-6] + "AAA=\n", other, note[:-1]):
        assert damaged != note
        with pytest.raises(independent.VerifyError):
            independent.checkpoint_verify(damaged, keys())


def test_every_inclusion_proof_is_accepted_and_a_damaged_one_refused(log):
    newest, node = checkpoints()[-1], Nodes()
    for index, leaf in enumerate(log):
        proof = merkle.inclusion(index, newest.size, node)
        independent.checkpoint_verify_inclusion(newest.note, keys(), index, leaf, proof)
        for damaged in (
            (index, flipped(leaf), proof),
            ((index + 1) % len(log), leaf, proof),
            (index, leaf, [flipped(proof[0]), *proof[1:]]),
            (index, leaf, [*proof[:-1], flipped(proof[-1])]),
            (index, leaf, proof[:-1]),
            (index, leaf, [*proof, proof[-1]]),
        ):
            with pytest.raises(independent.VerifyError):
                independent.checkpoint_verify_inclusion(newest.note, keys(), *damaged)


def test_an_event_is_proven_under_every_checkpoint_since_it_was_sealed(log):
    node = Nodes()
    for checkpoint in checkpoints():
        for index in {0, checkpoint.size // 2, checkpoint.size - 1}:
            proof = merkle.inclusion(index, checkpoint.size, node)
            independent.verify_inclusion(index, checkpoint.size, log[index], proof, bytes.fromhex(checkpoint.root))


def test_every_consistency_proof_between_checkpoints_is_accepted_and_a_damaged_one_refused(log):
    node, made = Nodes(), checkpoints()
    for place, new in enumerate(made):
        for old in made[: place + 1]:
            proof = merkle.consistency(old.size, new.size, node)
            independent.checkpoint_verify_consistency(old.note, new.note, keys(), proof)
            if not proof:
                continue
            for damaged in ([flipped(proof[0]), *proof[1:]], proof[:-1], [*proof, proof[0]], []):
                with pytest.raises(independent.VerifyError):
                    independent.checkpoint_verify_consistency(old.note, new.note, keys(), damaged)


def test_consistency_between_any_two_sizes_is_accepted(log):
    def node(level: int, index: int) -> bytes:
        return hashes(level, index)

    hashes = Nodes()
    for new in (*range(1, 40), 255, 256, 257, len(log)):
        for old in range(1, new + 1):
            roots = merkle.root(old, node), merkle.root(new, node)
            independent.verify_consistency(old, new, merkle.consistency(old, new, node), *roots)


def test_after_a_rotation_whoever_trusts_the_old_key_can_trust_the_new_one(log):
    old_key = keys()
    before = checkpoints()[-1]
    seal.rotate()
    bulk_log(10)
    new_key = [key for key in keys() if key not in old_key]
    handed_over, after = checkpoints()[-2:]
    for note, trusted in ((before, old_key), (handed_over, old_key), (handed_over, new_key), (after, new_key)):
        assert independent.checkpoint_verify(note.note, trusted).size == note.size
    for note, trusted in ((before, new_key), (after, old_key)):
        with pytest.raises(independent.VerifyError):
            independent.checkpoint_verify(note.note, trusted)
    proof = merkle.consistency(before.size, after.size, Nodes())
    independent.checkpoint_verify_consistency(before.note, after.note, keys(), proof)
