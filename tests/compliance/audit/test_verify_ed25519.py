"""The verifier's own Ed25519 beside the vectors of RFC 8032 (section 7.1) and the `cryptography` package."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit.verify import BASE, ORDER, P, add, decode_point, encode_point, times, verify_ed25519

# The private key, the public key, the message in two parts, the signature in two halves.
RFC_8032 = """
9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a


e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb
3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
72

92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7
fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025
af82

6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42
ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf
ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589
09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704
"""
LINES = [bytes.fromhex(line) for line in RFC_8032[1:-1].split("\n")]
VECTORS = [(a, b, c + d, e + f) for a, b, c, d, e, f in (LINES[at : at + 6] for at in range(0, len(LINES), 6))]


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors_of_the_rfc(vector):
    private, public, message, signature = vector
    assert verify_ed25519(public, message, signature)
    assert not verify_ed25519(public, message + b"\0", signature)
    assert Ed25519PrivateKey.from_private_bytes(private).sign(message) == signature


def by_cryptography(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


few = settings(max_examples=25, deadline=None)
seeds = st.binary(min_size=32, max_size=32)


@few
@given(seeds, st.binary(max_size=300))
def test_what_cryptography_signs_is_accepted(seed, message):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert verify_ed25519(private.public_key().public_bytes_raw(), message, private.sign(message))


@few
@given(seeds, st.binary(min_size=1, max_size=40), st.sampled_from(["public", "message", "signature"]), st.integers(0))
def test_a_flipped_bit_is_refused(seed, message, which, bit):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    parts = {
        "public": bytearray(private.public_key().public_bytes_raw()),
        "message": bytearray(message),
        "signature": bytearray(private.sign(message)),
    }
    byte, bit = divmod(bit % (8 * len(parts[which])), 8)
    parts[which][byte] ^= 1 << bit
    given = {name: bytes(part) for name, part in parts.items()}
    assert not verify_ed25519(**{{"public": "key"}.get(name, name): part for name, part in given.items()})
    assert not by_cryptography(**given)


@few
@given(seeds, st.binary(max_size=40), st.integers(1, 2**256 // ORDER))
def test_no_signature_has_a_second_form(seed, message, more):
    """S + L comes to the same point; RFC 8032, section 5.1.7, refuses it."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    s = int.from_bytes(signature[32:], "little") + more * ORDER
    if s < 2**256:
        second = signature[:32] + s.to_bytes(32, "little")
        assert not verify_ed25519(public, message, second)
        assert not by_cryptography(public, message, second)


@few
@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=80))
def test_bytes_of_any_length_are_no_signature(public, message, signature):
    assert not verify_ed25519(public, message, signature)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_has_32_bytes_and_a_signature_64(length):
    _private, public, message, signature = VECTORS[1]
    assert not verify_ed25519((public * 2)[:length], message, signature)
    assert not verify_ed25519(public, message, (signature * 2)[: length + 32 if length != 32 else 0])


def _bytes(y: int, odd: int = 0) -> bytes:
    return (y | odd << 255).to_bytes(32, "little")


@pytest.mark.parametrize(
    "data",
    [
        _bytes(P),  # y = 0 and y = 1 again, and the largest that fits
        _bytes(P + 1),
        _bytes(P + 3),
        _bytes(2**255 - 1),
        _bytes(2**255 - 1, 1),
        _bytes(1, 1),  # x = 0 has no odd form
        _bytes(P - 1, 1),
        _bytes(2),  # no such point
        _bytes(7, 1),
    ],
)
def test_a_point_has_one_encoding(data):
    with pytest.raises(ValueError, match="no point"):
        decode_point(data)
    _private, _public, message, signature = VECTORS[1]
    assert not verify_ed25519(data, message, signature)


def test_r_must_be_in_its_one_encoding_too():
    """With the neutral point as a key, S = 0 and the neutral point as R are a signature of anything; its R written as
    P + 1, or with the sign of a zero, is not."""
    key = _bytes(1)
    assert verify_ed25519(key, b"anything", _bytes(1) + bytes(32))
    assert not verify_ed25519(key, b"anything", _bytes(P + 1) + bytes(32))
    assert not verify_ed25519(key, b"anything", _bytes(1, 1) + bytes(32))


@few
@given(st.integers(0, ORDER), st.integers(0, ORDER))
def test_points_add_up(one, two):
    assert add(times(one, BASE), times(two, BASE)) == times((one + two) % ORDER, BASE)
    assert decode_point(encode_point(times(one, BASE))) == times(one, BASE)


def test_the_base_point_is_of_the_stated_order():
    assert encode_point(BASE).hex() == "58" + "66" * 31
    assert times(ORDER, BASE) == (0, 1)
