"""Checkpoints, proofs and keys over the API. The proofs are checked with RFC 9162's own steps, written anew here."""

import base64
import hashlib
from itertools import pairwise

import pytest
from django.db.models import F

from compliance.audit import seal, signing, verify
from compliance.audit.models import Checkpoint, Event, Leaf, LogKey
from tests.compliance.audit.bulk import bulk_events, bulk_log
from tests.compliance.audit.whole import consistent
from tests.erasure.api.conftest import as_account, pointers, refused

AUDIT = "/api/v1/audit"


@pytest.fixture
def auditor(vendors, settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = tmp_path / "audit.pem"
    signing.ensure()
    return as_account("auditor", "audit:read")


@pytest.fixture
def sizes(auditor) -> list[int]:
    """The sizes of the log's checkpoints."""
    return [bulk_log(count) for count in (20, 1, 34)]


def hashes(response) -> list[bytes]:
    assert response.status_code == 200, response.content
    return [bytes.fromhex(text) for text in response.json()["hashes"]]


def root(size: int) -> bytes:
    """The signed root at this size."""
    return base64.b64decode(Checkpoint.objects.get(size=size).note.splitlines()[2])


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def included(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that follows: RFC 9162, section 2.1.3.2."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn > 0
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_the_newest_checkpoint_or_that_of_a_size_comes_as_it_was_signed(auditor, sizes, tmp_path):
    newest = auditor.get(f"{AUDIT}/checkpoint/")
    assert newest.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert newest.content.decode() == seal.newest().note
    assert newest.headers["Audit-Tree-Size"] == str(sizes[-1])
    for size in sizes:
        response = auditor.get(f"{AUDIT}/checkpoint/?size={size}")
        assert response.content.decode() == seal.at_size(size).note
        assert response.headers["Audit-Tree-Size"] == str(size)
    keys, note = tmp_path / "keys", tmp_path / "note"
    keys.write_bytes(auditor.get(f"{AUDIT}/key/").content)
    note.write_bytes(newest.content)
    assert verify.signers(verify.read_checkpoint(note), verify.read_keys(keys))


def test_of_a_size_without_a_checkpoint_the_nearest_are_named(auditor, sizes):
    first, second, third = sizes
    for size, near in ((first + 30, [second, third]), (0, [first]), (third + 1, [third]), (2**53 - 1, [third])):
        problem = refused(auditor.get(f"{AUDIT}/checkpoint/?size={size}"), 404, "no_checkpoint")
        assert problem["sizes"] == near
        assert f"The nearest: {', '.join(map(str, near))}." in problem["detail"]


@pytest.mark.parametrize(
    "address", ["checkpoint/", "checkpoint/?size=5", "key/", "proof/?index=0", "consistency/?first=0"]
)
def test_before_anything_is_sealed_there_is_nothing(auditor, address):
    bulk_events(3)
    refused(auditor.get(f"{AUDIT}/{address}"), 404, "nothing_sealed")
    assert not LogKey.objects.exists()  # reading made none


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_every_event_is_proven_to_be_in_the_log_of_every_checkpoint(auditor, sizes):
    leaves = Leaf.objects.annotate(hash=F("event__leaf_hash")).order_by("index")
    for size in sizes:
        for leaf in leaves[:size:5]:
            response = auditor.get(f"{AUDIT}/proof/?index={leaf.index}&size={size}")
            assert response.json() | {"hashes": []} == {"index": leaf.index, "size": size, "hashes": []}
            assert included(leaf.index, size, bytes.fromhex(leaf.hash), hashes(response)) == root(size)


def test_without_a_size_the_proof_is_for_the_newest_checkpoint(auditor, sizes):
    assert auditor.get(f"{AUDIT}/proof/?index=3").json()["size"] == sizes[-1]
    assert auditor.get(f"{AUDIT}/consistency/?first=3").json()["second"] == sizes[-1]


def test_a_size_between_checkpoints_can_be_proven_too(auditor, sizes):
    between = sizes[1] + 5
    leaf = bytes.fromhex(Leaf.objects.get(index=2).event.leaf_hash)
    computed = included(2, between, leaf, hashes(auditor.get(f"{AUDIT}/proof/?index=2&size={between}")))
    proof = hashes(auditor.get(f"{AUDIT}/consistency/?first={between}"))
    assert consistent(between, computed, sizes[-1], root(sizes[-1]), proof)


def test_each_checkpoint_is_proven_to_continue_the_one_before(auditor, sizes):
    for first, second in pairwise(sizes):
        response = auditor.get(f"{AUDIT}/consistency/?first={first}&second={second}")
        assert (response.json()["first"], response.json()["second"]) == (first, second)
        assert consistent(first, root(first), second, root(second), hashes(response))
    for nothing in (f"first=0&second={sizes[1]}", f"first={sizes[0]}&second={sizes[0]}"):
        assert hashes(auditor.get(f"{AUDIT}/consistency/?{nothing}")) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("proof/", "/index"),
        ("proof/?index=-1", "/index"),
        ("proof/?index=SIZE", "/index"),
        ("proof/?index=5&size=5", "/index"),
        ("proof/?index=0&size=0", "/size"),
        ("proof/?index=0&size=LARGER", "/size"),
        ("proof/?index=" + "9" * 5000, "/index"),
        ("proof/?index=9007199254740992", "/index"),
        ("proof/?index=1e3", "/index"),
        ("proof/?index=0&extra=1", "/extra"),
        ("consistency/", "/first"),
        ("consistency/?first=-1", "/first"),
        ("consistency/?first=9&second=8", "/first"),
        ("consistency/?first=1&second=LARGER", "/second"),
        ("consistency/?first=x", "/first"),
        ("checkpoint/?size=-1", "/size"),
        ("checkpoint/?size=x", "/size"),
    ],
)
def test_a_wrong_question_is_refused(auditor, sizes, query, pointer):
    asked = query.replace("SIZE", str(sizes[-1])).replace("LARGER", str(sizes[-1] + 1))
    assert pointer in pointers(refused(auditor.get(f"{AUDIT}/{asked}"), 422, "invalid"))


# --- keys -------------------------------------------------------------------------------------------------------------


def test_all_keys_are_handed_out_the_oldest_first(auditor, sizes):
    seal.rotate()
    response = auditor.get(f"{AUDIT}/key/")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    keys = response.content.decode().splitlines()
    assert keys == list(LogKey.objects.order_by("id").values_list("verifier_key", flat=True))
    assert len(keys) == 2


def test_nothing_of_this_leaves_an_event_as_it_tells_no_event(auditor, sizes):
    before = Event.objects.count()
    for address in ("checkpoint/", "key/", "proof/?index=0", "consistency/?first=3"):
        assert auditor.get(f"{AUDIT}/{address}").status_code == 200
    assert Event.objects.count() == before
