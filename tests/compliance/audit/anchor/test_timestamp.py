"""Time stamps of a real authority (`openssl ts`), and of one that lies."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from compliance.audit.anchor.places import places
from compliance.audit.anchor.post import NotAnchored
from compliance.audit.anchor.timestamp import LONGEST_REPLY
from tests.server import Server, reply

from .authority import Authority, verified

pytestmark = pytest.mark.openssl
NOTE = "erasure-desk/1f\n5\nAAAA=\n\n— erasure-desk/1f BBBB\n"
Answer = Callable[[bytes], bytes]


def query(note: str = NOTE) -> bytes:
    """A request that somebody else made."""
    return TimestampRequestBuilder(data=note.encode(), hash_algorithm=HashAlgorithm.SHA256).build().as_bytes()


@pytest.fixture
def stamped_by(serve: Callable[..., Server], settings: Any) -> Callable[[Answer], bytes]:
    """The receipt for NOTE of an authority that answers a query so."""

    def stamped_by(answer: Answer) -> bytes:
        servers: list[Server] = []

        def script(line: Any) -> None:
            asked = servers[0].requests[-1]
            assert b"Content-Type: application/timestamp-query\r\n" in asked
            line.sendall(reply(answer(asked.partition(b"\r\n\r\n")[2]), kind="application/timestamp-reply"))

        servers.append(serve(script))
        settings.AUDIT_TIMESTAMP_URL = f"{servers[0].url}/tsr"
        (place,) = places()
        receipt = place.take(5, NOTE)
        assert receipt
        return receipt

    return stamped_by


@pytest.fixture(params=[True, False], ids=["with certificates", "without certificates"])
def trusting(request: pytest.FixtureRequest, authority: Authority, settings: Any) -> bool:
    settings.AUDIT_TIMESTAMP_CA = str(authority.root) if request.param else None
    return bool(request.param)


def refused(stamped_by: Callable[[Answer], bytes], answer: Answer) -> str:
    with pytest.raises(NotAnchored) as raised:
        stamped_by(answer)
    return str(raised.value)


def test_the_receipt_is_what_openssl_takes(
    stamped_by: Callable[[Answer], bytes], trusting: bool, authority: Authority, tmp_path: Path
) -> None:
    receipt, checkpoint = tmp_path / "5.tsr", tmp_path / "5.checkpoint"
    receipt.write_bytes(stamped_by(authority.answer))
    checkpoint.write_text(NOTE)
    held, said = verified(receipt, checkpoint, authority.root)
    assert held, said
    checkpoint.write_text(NOTE.replace("5", "6"))
    held, said = verified(receipt, checkpoint, authority.root)
    assert not held
    assert "message imprint mismatch" in said


def test_a_stamp_on_something_else_is_refused(
    stamped_by: Callable[[Answer], bytes], trusting: bool, authority: Authority
) -> None:
    why = refused(stamped_by, lambda _query: authority.answer(query(NOTE + "x")))
    assert why == "the time stamp is for something else than the checkpoint"


def test_the_answer_to_another_request_is_refused(
    stamped_by: Callable[[Answer], bytes], trusting: bool, authority: Authority
) -> None:
    """A stamp that was made earlier, or a request that somebody else sends on."""
    why = refused(stamped_by, lambda _query: authority.answer(query()))
    assert why == "the time stamp answers another request (its nonce is wrong)"


def test_a_refusal_is_told(stamped_by: Callable[[Answer], bytes], trusting: bool, authority: Authority) -> None:
    why = refused(stamped_by, lambda asked: authority.answer(asked, digests="sha512"))
    assert why == "the authority granted no time stamp (status 2)"


@pytest.mark.parametrize(
    "garbage", [b"", b"x", b"<html>Sign in to the guest network</html>", b"0\x03\x02\x01\x00", b"0" * 5000]
)
def test_what_is_no_time_stamp_is_refused(
    stamped_by: Callable[[Answer], bytes], trusting: bool, garbage: bytes
) -> None:
    assert refused(stamped_by, lambda _query: garbage) in (
        "the reply cannot be read as a time stamp (RFC 3161)",
        "the authority granted no time stamp (status 48)",
    )


def test_half_a_reply_is_refused(stamped_by: Callable[[Answer], bytes], trusting: bool, authority: Authority) -> None:
    why = refused(stamped_by, lambda asked: authority.answer(asked)[:-20])
    assert why == "the reply cannot be read as a time stamp (RFC 3161)"


def test_a_reply_without_end_is_refused(stamped_by: Callable[[Answer], bytes]) -> None:
    why = refused(stamped_by, lambda _query: b"0" * (LONGEST_REPLY + 1))
    assert re.fullmatch(r"its reply is longer than \d+ bytes", why)


def test_with_certificates_the_signature_must_hold(
    stamped_by: Callable[[Answer], bytes], authority: Authority, settings: Any
) -> None:
    settings.AUDIT_TIMESTAMP_CA = str(authority.root)

    def forged(asked: bytes) -> bytes:
        good = authority.answer(asked)
        return good[:-1] + bytes([good[-1] ^ 1])

    why = refused(stamped_by, forged)
    assert why == "the signature of the time stamp does not hold under the certificates of AUDIT_TIMESTAMP_CA"


def test_with_certificates_an_authority_of_somebody_else_is_refused(
    stamped_by: Callable[[Answer], bytes], authority: Authority, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_TIMESTAMP_CA = str(authority.root)
    why = refused(stamped_by, Authority(tmp_path).answer)
    assert why == "the signature of the time stamp does not hold under the certificates of AUDIT_TIMESTAMP_CA"


def test_certificates_that_have_gone_since_the_start_stamp_nothing(
    stamped_by: Callable[[Answer], bytes], authority: Authority, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_TIMESTAMP_CA = str(tmp_path / "gone.pem")
    assert refused(stamped_by, authority.answer) == "the certificates of AUDIT_TIMESTAMP_CA cannot be read"
