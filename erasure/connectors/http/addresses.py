"""Which hosts may be called, and which IP addresses a name may lead to.

The name is checked when an account is saved and again before each call; the addresses are checked at connect time, and
the connection goes to the very address that was checked, so that a name cannot change its mind in between.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from ..errors import Misconfigured, RetryLater

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOST_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
# RFC 3986, section 3.3: the characters of a path
PATH = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)*")
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, section 2.4, as assigned by IANA
LOOPBACK = ipaddress.IPv6Address("::1")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


@dataclass(frozen=True)
class Network:
    """The operator's settings: allowed hosts (names, `*.example.com` for sub-domains, IP addresses), whether plain http
    to loopback is allowed, a proxy's address, a file of CA certificates."""

    allowed_hosts: tuple[str, ...] = ()
    loopback: bool = False
    proxy: str | None = None
    ca_bundle: str | None = None


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an IP address, means this machine: `localhost`, 127.0.0.0/8 or ::1."""
    address = _literal(host)
    if isinstance(address, ipaddress.IPv6Address):
        return address == LOOPBACK  # not is_loopback: later Pythons count ::ffff:127.0.0.1
    return host == "localhost" if address is None else address.is_loopback


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether `address` is one host on the public internet. IPv4 inside IPv6 is public only behind NAT64, and only if
    the inner address is; mapped, 6to4 and Teredo addresses never are."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    if address in NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in GLOBAL_UNICAST and address.is_global and address.sixtofour is None


def _allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether an entry of the allow-list covers `host`; `*.example.com` covers sub-domains, not `example.com`."""
    for pattern in (entry.strip().lower().strip("[]") for entry in patterns):
        if pattern.startswith("*.") and _literal(host) is None and host.endswith(pattern[1:]) and host != pattern[1:]:
            return True
        if pattern == host:
            return True
    return False


def climbs(path: str) -> bool:
    """Whether `path` holds `.` or `..` as a segment, percent-encoded or not: clients and servers rewrite those."""
    return any(segment in (".", "..") for segment in unquote(path).replace("\\", "/").split("/"))


def _bad(text: str) -> Misconfigured:
    return Misconfigured(text, code="bad_address")


def _not_allowed(host: str) -> Misconfigured:
    return Misconfigured(
        _(
            "%(host)s leads to an address that vendors may not have: one on this machine, in a private network, or not "
            "that of a single host on the internet. Nothing was sent and nothing was done. Check the vendor's address."
        )
        % {"host": host},
        code="address_not_allowed",
    )


def check_base_url(url: str, network: Network) -> str:
    """`url` without a trailing slash, its host in lower case, if vendors may be called there.

    Raises `Misconfigured`: `bad_address` (not an https address of a host, a port and a path), `host_not_allowed` (the
    text names the setting and what to add to it) or `address_not_allowed` (an IP address that is not public)."""
    if not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        raise _bad(_("The address must be plain ASCII without spaces; write an international host name as xn--…"))
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _bad(_("This is not an address such as https://host.example/path.")) from None
    if parts.scheme not in ("http", "https") or port == 0:
        raise _bad(_("The address must begin with https:// and, if it names a port, name one from 1 to 65535."))
    if "@" in parts.netloc:
        raise _bad(_("The address must not hold a user name or a password; those are credentials of the account."))
    if "?" in url or "#" in url:
        raise _bad(_("The address must end with its path: no “?” and no “#”."))
    if not PATH.fullmatch(parts.path) or "//" in parts.path or climbs(parts.path):
        raise _bad(_("The path of the address holds characters or steps that may not be in one."))
    literal = _literal(host)
    if literal is None and not HOST_NAME.fullmatch(host):
        raise _bad(_("The address holds no host name such as api.vendor.example."))

    if is_loopback(host):
        if not network.loopback:
            raise Misconfigured(
                _(
                    "%(host)s is this machine, which only a sandbox or a test may call. If that is wanted, set "
                    "VENDOR_LOOPBACK=1. Nothing was sent and nothing was done."
                )
                % {"host": host},
                code="host_not_allowed",
            )
    else:
        if literal is not None and not is_public(literal):
            raise _not_allowed(host)
        if not _allowed(host, network.allowed_hosts):
            raise Misconfigured(
                _(
                    "%(host)s is not among the hosts that the desk may call. If it is the vendor's, add %(host)s to "
                    "the setting VENDOR_HOSTS and restart. Nothing was sent and nothing was done."
                )
                % {"host": host},
                code="host_not_allowed",
            )
        if parts.scheme != "https":
            raise _bad(_("The address must begin with https://; plain http is for this machine only."))
    name = f"[{host}]" if literal is not None and literal.version == 6 else host
    standard = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}{'' if standard else f':{port}'}{parts.path.rstrip('/')}"


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """The socket addresses of `host`, each checked: a loopback host must lead to loopback, any other to public hosts.

    One bad address among good ones spoils the name. Raises `Misconfigured` (`address_not_allowed`) for it, and
    `RetryLater` (`not_sent`) when the name is not found."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise RetryLater(
            _(
                "The host name %(host)s was not found, so nothing was sent and nothing was done at the vendor. The "
                "desk tries again by itself; if this lasts, check the vendor's address and this machine's DNS."
            )
            % {"host": host},
            code="not_sent",
        )
    local = is_loopback(host)
    for *_rest, sockaddr in found:
        address = _literal(str(sockaddr[0]).partition("%")[0])
        if address is None or not (is_loopback(str(address)) if local else is_public(address)):
            raise _not_allowed(host)
    return [(family, sockaddr) for family, _type, _protocol, _name, sockaddr in found]
