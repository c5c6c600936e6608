"""What a failure before anything was sent means, in words that say what to look at."""

import ssl

from erasure.connectors.errors import Misconfigured, RetryLater
from erasure.connectors.http import verdicts


def test_no_encrypted_connection_is_told_apart_from_none_at_all():
    tls = verdicts.of_failure(ssl.SSLError("wrong version number"), "api.example", sent=False, late=False)
    none = verdicts.of_failure(ConnectionRefusedError(), "api.example", sent=False, late=False)
    assert (type(tls), tls.code) == (type(none), none.code) == (RetryLater, "not_sent")
    assert "could not agree on an encrypted connection (TLS), so nothing was sent" in tls.text
    assert "No connection to api.example could be made, so nothing was sent" in none.text


def test_a_certificate_that_cannot_be_verified_is_the_accounts_fault():
    found = verdicts.of_failure(ssl.SSLCertVerificationError(), "api.example", sent=False, late=False)
    assert (type(found), found.code) == (Misconfigured, "certificate")
