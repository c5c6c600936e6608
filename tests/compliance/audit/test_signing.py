"""The signing key: made once, never remade in silence, replaced without a break; and what its loss costs."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from compliance.audit import seal, signing
from compliance.audit.models import Event, Leaf, LogKey, PendingEvent
from tests.desk import ROOT, Desk

from .whole import hold_together, signers

PEM = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@pytest.fixture(autouse=True)
def key_file(settings: LazySettings, tmp_path: Path) -> Path:
    """Where the key of this test is to be; nothing is there yet."""
    settings.AUDIT_SIGNING_KEY = tmp_path / "keys" / "audit-signing.pem"
    return settings.AUDIT_SIGNING_KEY


def pem(key: object, encryption: object = None) -> bytes:
    return key.private_bytes(*PEM, encryption or serialization.NoEncryption())


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_first_key_is_made_for_its_owner_alone_and_only_once(key_file):
    before = os.umask(0)
    try:
        signing.ensure()
    finally:
        os.umask(before)
    made = key_file.read_bytes()
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]
    signing.ensure()
    assert key_file.read_bytes() == made
    assert pem(*signing.load()) == made


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_is_one_line(key_file):
    key_file.parent.write_text("a file where a folder should be")
    with pytest.raises(ImproperlyConfigured, match=r"^AUDIT_SIGNING_KEY: .* cannot be written: [^\n]*$"):
        signing.ensure()


def damaged() -> dict[str, bytes]:
    ours = pem(Ed25519PrivateKey.generate())
    return {
        "nothing": b"",
        "words": b"the secret words of a file that is no key",
        "half a key": ours[:60],
        "a broken key": ours.replace(b"MC4", b"XX4"),
        "a key and a broken one": ours + ours.replace(b"MC4", b"XX4"),
        "another kind": pem(ed448.Ed448PrivateKey.generate()),
        "a curve": pem(ec.generate_private_key(ec.SECP256R1())),
        "a key and one of another kind": ours + pem(rsa.generate_private_key(65537, 2048)),
        "under a password": pem(Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"word")),
        "a public key": (
            Ed25519PrivateKey.generate()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        ),
        "raw bytes": bytes(range(32)),
    }


@pytest.mark.parametrize("what", damaged())
def test_what_is_not_a_key_is_one_line_that_tells_nothing_of_it(tell, key_file, what):
    content = damaged()[what]
    put(key_file, content)
    tell()
    with pytest.raises(ImproperlyConfigured) as refusal:
        seal.seal()
    said = str(refusal.value)
    assert said == f"AUDIT_SIGNING_KEY: {key_file} is not an Ed25519 private key in PEM without a password."
    assert refusal.value.__context__ is None  # the parser's own error may tell more
    assert PendingEvent.objects.count() == 1
    with pytest.raises(ImproperlyConfigured):  # a file that may still be mended is not written over
        seal.rotate()
    assert key_file.read_bytes() == content


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_is_one_line(key_file):
    key_file.mkdir(parents=True)
    with pytest.raises(ImproperlyConfigured, match=r"^AUDIT_SIGNING_KEY: .* cannot be read: Is a directory\.$"):
        signing.load()


# --- without it -------------------------------------------------------------------------------------------------------


def test_without_a_key_events_stay_pending_and_are_sealed_when_it_is_back(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    kept = key_file.rename(key_file.with_suffix(".away"))
    events = [tell() for _number in range(3)]
    with pytest.raises(ImproperlyConfigured, match=r"there is no key at .* audit_key --rotate"):
        seal.seal()
    assert seal.newest_after_sealing().size == 2
    assert PendingEvent.objects.count() == 3
    kept.rename(key_file)
    assert seal.seal() == 3
    assert list(Leaf.objects.order_by("index").values_list("event_id", flat=True))[2:] == [each.id for each in events]
    hold_together()


def test_a_lost_key_is_not_remade_in_silence(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    key_file.unlink()
    signing.ensure()
    assert not key_file.exists()
    assert [key.public_key for key in seal.public_keys()] == signers(seal.newest().note)
    assert not key_file.exists()


def test_a_key_that_did_not_sign_the_log_does_not_go_on_with_it(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    put(key_file, pem(Ed25519PrivateKey.generate()))
    tell()
    with pytest.raises(seal.LogDamaged, match="was not signed with the key of AUDIT_SIGNING_KEY"):
        seal.seal()
    assert LogKey.objects.count() == 1


def test_a_host_that_still_has_the_old_key_does_not_seal_beside_the_new_one(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    old = key_file.read_bytes()
    seal.rotate()
    new = key_file.read_bytes()
    put(key_file, old)
    tell()
    with pytest.raises(seal.LogDamaged, match="Every host needs the same key"):
        seal.seal()
    put(key_file, new)
    assert seal.seal() == 1


# --- a new one --------------------------------------------------------------------------------------------------------


def test_one_checkpoint_under_both_keys_leads_from_the_old_one_to_the_new_one(tell, key_file):
    signing.ensure()
    (old,) = signing.load()
    tell()
    seal.seal()
    tell()
    key = seal.rotate()
    (new,) = signing.load()
    assert public(new) == key.public_key != public(old)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]
    tell()
    seal.seal()
    first, both, last = hold_together()
    assert signers(first.note) == [public(old)]
    assert set(signers(both.note)) == {public(old), public(new)}
    assert signers(last.note) == [public(new)]
    added = [event.subject for event in Event.objects.filter(action="audit.key_added").order_by("id")]
    assert added == [f"audit_key:{line.verifier_key.split('+')[1]}" for line in seal.public_keys()]


def test_what_was_signed_under_the_old_key_is_checked_with_what_was_handed_out_then(tell):
    """By a reader who has the old verifier key, a checkpoint of then, and cryptography."""
    signing.ensure()
    tell()
    seal.seal()
    handed_out = seal.public_keys()[0].verifier_key
    seal.rotate()
    name, hashed, encoded = handed_out.split("+", 2)
    kind, raw = base64.b64decode(encoded)[:1], base64.b64decode(encoded)[1:]
    assert kind == b"\x01"
    for size in (2, 3):
        text, _, lines = seal.at_size(size).note.partition("\n\n")
        blobs = [base64.b64decode(line.split(" ")[2]) for line in lines.splitlines()]
        (blob,) = (blob for blob in blobs if blob[:4].hex() == hashed)
        Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], f"{text}\n".encode())
        assert text.splitlines()[0] == name


@pytest.mark.parametrize("broken_off", ["before the checkpoint", "before the old key has gone"])
@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_was_broken_off_is_ended_by_the_next_and_nothing_stops_meanwhile(
    tell, key_file, monkeypatch, broken_off
):
    """As a killed process leaves it: no code runs after the point where it breaks."""
    signing.ensure()
    (old,) = signing.load()
    with transaction.atomic():
        tell()
    seal.seal()

    def breaks(*_given: object) -> None:
        raise KeyboardInterrupt

    real = signing.replace
    with monkeypatch.context() as patch:
        if broken_off == "before the checkpoint":
            patch.setattr(seal, "_seal_batch", breaks)
        else:
            patch.setattr(signing, "replace", lambda keys: real(keys) if len(keys) > 1 else breaks())
        with pytest.raises(KeyboardInterrupt):
            seal.rotate()
    new, still = signing.load()
    assert public(still) == public(old)
    with transaction.atomic():
        tell()
    seal.seal()
    assert set(signers(seal.newest().note)) == {public(old), public(new)}
    assert seal.rotate().public_key == public(new)
    assert [public(key) for key in signing.load()] == [public(new)]
    with transaction.atomic():
        tell()
    seal.seal()
    assert signers(hold_together()[-1].note) == [public(new)]


def test_without_the_old_key_the_new_one_signs_alone(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    key_file.unlink()
    with pytest.raises(seal.LogDamaged, match=r"or that key is missing.* --without-the-old-key"):
        seal.rotate()
    assert not key_file.exists()
    key = seal.rotate(without_the_old_key=True)
    first, second = hold_together()
    assert signers(second.note) == [key.public_key] != signers(first.note)
    tell()
    assert seal.seal() == 1


def test_a_key_that_did_not_sign_the_log_does_not_vouch_for_its_successor(tell, key_file):
    signing.ensure()
    tell()
    seal.seal()
    stranger = Ed25519PrivateKey.generate()
    put(key_file, pem(stranger))
    with pytest.raises(seal.LogDamaged, match="was not signed with the key"):
        seal.rotate()
    assert key_file.read_bytes() == pem(stranger)
    key = seal.rotate(without_the_old_key=True)
    assert signers(seal.newest().note) == [key.public_key]
    assert public(stranger) != key.public_key


def test_a_rotation_whose_file_cannot_be_written_changes_nothing(tell, key_file, monkeypatch):
    signing.ensure()
    tell()
    seal.seal()
    before = key_file.read_bytes()

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signing, "_written", full)
    with pytest.raises(ImproperlyConfigured, match="cannot be written: No space left"):
        seal.rotate()
    assert key_file.read_bytes() == before
    assert (LogKey.objects.count(), seal.newest().size) == (1, 2)


# --- several at once --------------------------------------------------------------------------------------------------

MAKE = """
import sys, django
django.setup()
from compliance.audit import signing
print("ready", flush=True)
sys.stdin.readline()
signing.ensure()
print(signing.public_bytes(*signing.load()).hex())
"""


@pytest.mark.slow
def test_processes_that_make_the_first_key_at_once_make_one(tmp_path: Path):
    with Desk(tmp_path) as desk:
        keys = desk.folder / "keys"
        (keys / "audit-signing.pem").unlink()
        started = [
            subprocess.Popen(
                [sys.executable, "-c", MAKE],
                cwd=ROOT,
                env=desk.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _number in range(4)
        ]
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("\n")
            process.stdin.flush()
        made = {process.communicate()[0].strip() for process in started}
        assert len(made) == 1
        assert sorted(path.name for path in keys.iterdir()) == ["audit-signing.pem", "ring.json"]
