"""Where checkpoints of the trail go."""

import re
from urllib.parse import urlsplit

from compliance.environment import certificates_or_none, folder, listed, minutes, read

from .places import VENDOR_LOOPBACK


def _web_address(url: str, *, plain: bool = False) -> None:
    """Raises ValueError unless it is https, plain http on this machine where VENDOR_LOOPBACK allows it, or `plain`."""
    parts = urlsplit(url)
    if not re.fullmatch(r"[\x21-\x7e]+", url) or parts.fragment or not parts.hostname or parts.port == 0:
        raise ValueError
    local = VENDOR_LOOPBACK and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and (local or plain)):
        raise ValueError


def _anchors(raw: str) -> list[str]:
    for url in listed(raw):
        (folder if urlsplit(url).scheme == "file" else _web_address)(url)
    return listed(raw)


def _authority_or_none(raw: str) -> str | None:
    if raw:
        # Where the signature is checked, nobody on the way can change the answer; many authorities speak plain http.
        _web_address(raw, plain=AUDIT_TIMESTAMP_CA is not None)
    return raw or None


AUDIT_ANCHOR = read(
    "AUDIT_ANCHOR",
    "a comma-separated list of file:///folder and https:// addresses "
    "(http:// for this machine alone, with VENDOR_LOOPBACK=1)",
    _anchors,
    "",
)
AUDIT_ANCHOR_MINUTES = read("AUDIT_ANCHOR_MINUTES", "a whole number of minutes, 0 or more", minutes, "10")
AUDIT_TIMESTAMP_CA = read("AUDIT_TIMESTAMP_CA", "a file of certificates in PEM", certificates_or_none, "")
AUDIT_TIMESTAMP_URL = read(
    "AUDIT_TIMESTAMP_URL",
    "an https:// address, or an http:// one if AUDIT_TIMESTAMP_CA says whose signature counts",
    _authority_or_none,
    "",
)
