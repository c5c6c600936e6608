"""The request to a time-stamping authority, and the check of its reply (RFC 3161).

What the authority signs is the SHA-256 of the checkpoint and the time. Its reply is kept as it came: `openssl ts` and
others read it.
"""

import hashlib
from collections.abc import Iterator, Sequence

from cryptography import x509
from django.utils.translation import gettext as _
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from .post import NotAnchored, post

LONGEST_REPLY = 128 * 1024  # a token with a chain of certificates is some 10 KiB
_SHA256 = "2.16.840.1.101.3.4.2.1"


def stamp(url: str, note: bytes, trusted: Sequence[x509.Certificate]) -> bytes:
    """The reply of the authority at `url` for `note`, after `check`. Raises NotAnchored."""
    request = TimestampRequestBuilder(data=note, hash_algorithm=HashAlgorithm.SHA256).build()
    reply = post(url, request.as_bytes(), "application/timestamp-query", max_bytes=LONGEST_REPLY)
    check(reply, note, request.nonce, trusted)
    return reply


def check(reply: bytes, note: bytes, nonce: int | None, trusted: Sequence[x509.Certificate]) -> None:
    """Raises NotAnchored unless `reply` grants a time stamp over `note` to the request with this nonce. Its signature
    is checked if there are `trusted` certificates to check it by; else whoever reads the receipt has to."""
    digest = hashlib.sha256(note).digest()
    try:
        response = decode_timestamp_response(_in_order(reply))
        if response.status != PKIStatus.GRANTED:
            raise NotAnchored(_("the authority granted no time stamp (status %d)") % response.status)
        imprint = response.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != digest:
            raise NotAnchored(_("the time stamp is for something else than the checkpoint"))
        if response.tst_info.nonce != nonce:
            raise NotAnchored(_("the time stamp answers another request (its nonce is wrong)"))
        if trusted:
            VerifierBuilder(roots=list(trusted), nonce=nonce).build().verify(response, digest)
    except VerificationError:
        raise NotAnchored(
            _("the signature of the time stamp does not hold under the certificates of AUDIT_TIMESTAMP_CA")
        ) from None
    except (ValueError, TypeError):
        raise NotAnchored(_("the reply cannot be read as a time stamp (RFC 3161)")) from None


def _in_order(reply: bytes) -> bytes:
    """The reply with the certificates of its token in the order of DER, which the library insists on. RFC 5652, section
    2, is content with BER, and many authorities send them in another order. The signature does not cover the order,
    and no length changes with it. A reply that is something else is returned as it is."""
    try:
        _status, token = _elements(_inside(memoryview(reply)))
        _type, content = _elements(_inside(token))
        (signed_data,) = _elements(_inside(content))
        for part in _elements(_inside(signed_data)):
            if part[0] == 0xA0:  # certificates [0]: section 5.1
                found = [bytes(certificate) for certificate in _elements(_inside(part))]
                return reply.replace(b"".join(found), b"".join(sorted(found)), 1)
    except (ValueError, IndexError):
        pass
    return reply


def _elements(data: memoryview) -> Iterator[memoryview]:
    """The elements of ASN.1 that follow each other in `data`, each with its header."""
    while data:
        header, length = _header(data)
        yield data[: header + length]
        data = data[header + length :]


def _inside(element: memoryview) -> memoryview:
    header, _length = _header(element)
    return element[header:]


def _header(data: memoryview) -> tuple[int, int]:
    """The length of an element's header and of what is in it. Raises ValueError or IndexError."""
    short = data[1]
    if short < 0x80:
        header, length = 2, short
    else:
        header = 2 + (short & 0x7F)
        length = int.from_bytes(data[2:header])
    if short == 0x80 or header + length > len(data):
        raise ValueError
    return header, length
