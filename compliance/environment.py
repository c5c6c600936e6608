"""How an environment variable is read: as a text, or as a file's content, and through what makes a value of it.

A converter raises ValueError (or KeyError) for a bad value; `read` makes one line of it that names the variable."""

import ipaddress
import json
import re
import zoneinfo
from collections.abc import Callable
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from cryptography import x509
from django.core.exceptions import ImproperlyConfigured

from compliance.deadlines.keeping import Keeping, kept_as
from compliance.deadlines.policies import Policy, adjusted

env = environ.FileAwareEnv()
#: Variables that count as not given.
ignored: set[str] = set()


def text(name: str, default: str = "") -> str:
    if name in ignored:
        return default
    try:
        return env.str(name, default=default).strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE must name a file that can be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE must name a file of text in UTF-8.") from None


def read(name: str, expected: str, convert: Callable[[str], Any], default: str) -> Any:
    """The variable `name` through `convert`; a bad value is one line that says what was expected, never the value."""
    raw = text(name, default)
    try:
        return convert(raw)
    except (ValueError, KeyError, ImproperlyConfigured):
        raise ImproperlyConfigured(f"{name} must be {expected}.") from None


def switch(raw: str) -> bool:
    return {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
        "": False,
    }[raw.lower()]


def word(*known: str) -> Callable[[str], str]:
    """One of these words, in whatever case it is written."""
    return lambda raw: {name: name for name in known}[raw.lower()]


def listed(raw: str) -> list[str]:
    return [item.strip() for item in raw.split(",") if item.strip()]


def hosts(raw: str) -> list[str]:
    for host in listed(raw):
        name = host.removeprefix("*.")
        if name.rpartition(".")[2].isdigit() or ":" in name:
            ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        elif not re.fullmatch(r"\w([\w-]*\w)?(\.\w([\w-]*\w)?)*", name, re.ASCII):
            raise ValueError
    return listed(raw)


def own_hosts(raw: str) -> list[str]:
    """As Django matches them: a name, `.name` with all below it, an IP address (IPv6 in brackets), or `*`. Others,
    such as a port, would match nothing, and every page would be a bare 400."""
    name = r"\.?\w([\w-]*\w)?(\.\w([\w-]*\w)?)*|\[[0-9A-Fa-f:.]+\]|\*"
    if not all(re.fullmatch(name, host, re.ASCII) for host in listed(raw)):
        raise ValueError
    return listed(raw)


def addresses(raw: str) -> list[str]:
    if not all(re.fullmatch(r"[^\s@<>()\";:]+@[^\s@<>()\";:]+", item) for item in listed(raw)):
        raise ValueError
    return listed(raw)


def sender(raw: str) -> str:
    """An e-mail address with a name before it, or without; or nothing."""
    found = [address for _name, address in getaddresses([raw])] if raw else []
    if len(found) > 1 or not raw.isprintable() or any(addresses(address) != [address] for address in found):
        raise ValueError
    return raw


def names(raw: str) -> list[str]:
    """Names by semicolons, as a company's own may hold a comma."""
    found = [item.strip() for item in raw.split(";") if item.strip()]
    distinct = len({item.casefold() for item in found}) == len(found)
    if len(found) > 50 or not distinct or any(len(item) > 200 or not item.isprintable() for item in found):
        raise ValueError
    return found


def days(raw: str) -> int:
    if not raw.isdecimal() or int(raw) > 3650:
        raise ValueError
    return int(raw)


def minutes(raw: str) -> int:
    if (count := int(raw)) < 0:
        raise ValueError
    return count


def distances(raw: str) -> list[int]:
    """Numbers of days, each once, the longest first."""
    days = {int(item) for item in listed(raw)}
    if any(not 0 <= count <= 365 for count in days):
        raise ValueError
    return sorted(days, reverse=True)


def zone(raw: str) -> str:
    zoneinfo.ZoneInfo(raw)
    return raw


def http_url_or_none(raw: str) -> str | None:
    if raw and not raw.startswith(("http://", "https://")):
        raise ValueError
    return raw or None


def file_or_none(raw: str) -> str | None:
    if raw and not Path(raw).is_file():
        raise ValueError
    return raw or None


def certificates_or_none(raw: str) -> str | None:
    try:
        return raw if raw and x509.load_pem_x509_certificates(Path(raw).read_bytes()) else None
    except OSError:
        raise ValueError from None


def folder(url: str) -> None:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not re.fullmatch(r"/+[^/\0-\x1f][^\0-\x1f]*", path):
        raise ValueError


def roles_of_groups(raw: str) -> list[tuple[str, str]]:
    pairs = [tuple(part.strip() for part in item.rpartition("=")[::2]) for item in listed(raw)]
    if not all(group and role for group, role in pairs):
        raise ValueError
    return pairs  # type: ignore[return-value]


def regimes(raw: str) -> dict[str, Policy]:
    """Law → how it counts."""
    return _of_regimes("REGIMES", "what a law allows", raw, adjusted)


def keepings(raw: str) -> dict[str, Keeping]:
    """Law → for how long personal data is kept."""
    return _of_regimes("RETENTION", "how long data is kept", raw, kept_as)


def _of_regimes(name: str, what: str, raw: str, convert: Callable[[Any], Any]) -> Any:
    """Unlike the other converters it says what is wrong: there is much that can be, and nothing secret in it."""
    try:
        return convert(json.loads(raw or "{}"))
    except json.JSONDecodeError:
        raise ImproperlyConfigured(f"{name} must be JSON.") from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must hold {what}: {error}.") from None


def database_url(raw: str) -> dict[str, Any]:
    if not raw.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ValueError
    return dict(env.db_url_config(raw))
