"""Whether the log in the database holds together, worked out anew: RFC 9162 by recursion, and cryptography's Ed25519.

Nothing of the desk's own hashing and signing is used.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from compliance.audit.models import Checkpoint, Event, Leaf, LogKey, PendingEvent


def hold_together() -> list[Checkpoint]:
    """Asserts that every event is pending or has one leaf, that the leaves have no gap, that every checkpoint is the
    root of its leaves and signed by a key on record, and the newest that of all leaves. Returns the checkpoints."""
    leaves = list(Leaf.objects.order_by("index").values_list("index", "event_id", "event__canonical"))
    assert [index for index, *_event in leaves] == list(range(len(leaves)))
    sealed = {event for _index, event, _text in leaves}
    pending = set(PendingEvent.objects.values_list("event_id", flat=True))
    assert not sealed & pending
    assert sealed | pending == set(Event.objects.values_list("id", flat=True))
    hashes = [hashlib.sha256(b"\0" + text.encode()).digest() for *_place, text in leaves]
    checkpoints = list(Checkpoint.objects.order_by("size"))
    assert (checkpoints[-1].size if checkpoints else 0) == len(leaves)
    for checkpoint in checkpoints:
        origin, size, root = checkpoint.note.splitlines()[:3]
        assert origin == LogKey.objects.earliest("id").name
        assert int(size) == checkpoint.size
        assert base64.b64decode(root) == tree(hashes[: checkpoint.size]) == bytes.fromhex(checkpoint.root)
        assert signers(checkpoint.note), "nobody on record has signed it"
    return checkpoints


def tree(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, over leaf hashes; not of an empty log."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def signers(note: str) -> list[str]:
    """The public keys on record, in hex, whose signature is on a checkpoint, as c2sp.org/signed-note has it."""
    text, _, lines = note.partition("\n\n")
    found = []
    for line in lines.splitlines():
        dash, name, said = line.split(" ")
        blob = base64.b64decode(said)
        for key in LogKey.objects.filter(name=name):
            public = bytes.fromhex(key.public_key)
            if dash == "—" and blob[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]:
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], f"{text}\n".encode())
                except InvalidSignature:
                    continue
                found.append(key.public_key)
    return found


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new log begins with the old one: RFC 9162, section 2.1.4.2. 0 < old < new."""
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path.pop(0)
    for node in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr = hashlib.sha256(b"\1" + node + fr).digest()
            sr = hashlib.sha256(b"\1" + node + sr).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hashlib.sha256(b"\1" + sr + node).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root
