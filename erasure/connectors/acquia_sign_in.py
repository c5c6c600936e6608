"""Acquia CDP's hosts, and the sign-in that gives a token. Source: the vendor's page "Requesting a new token for data
erasure"; its pages disagree on the address, so that every part of it can be set."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from .base import BrokenReply, Secret, Token
from .http import Reply

#: Environment → the names of its two hosts, for data and for the sign-in, under agilone.com.
REGIONS = {
    "us-aws": ("api6", "auth"),
    "us-aws-pre": ("cs-api6", "cs-auth"),
    "eu-aws": ("api6.eu", "auth.eu"),
    "eu-aws-pre": ("cs-api6.eu", "cs-auth.eu"),
    "us-gcp": ("api8", "auth8"),
    "us-gcp-pre": ("cs-gcp-api6", "cs-gcp-auth"),
}


def _hosts(region: str) -> list[str]:
    return [f"{name}.agilone.com" for name in REGIONS[region]]


#: Region, or none → its hosts, as people read them.
HOSTS = {"": _("none: the addresses are given"), **{name: ", ".join(_hosts(name)) for name in REGIONS}}
PATHS = {"login": "/authentication", "create": "/token"}
URL = re.compile(r"(https?://)?[^\s/?#@]+(/[\w~-][\w.~-]*)*/?(\?[^\s#]*)?", re.ASCII)
LONGEST_LIFE = timedelta(days=3650)


def data_host(region: str) -> str:
    """The base address of the data API, or empty for no region."""
    return f"https://{_hosts(region)[0]}" if region else ""


def door(region: str, url: str, form: str, scheme: str) -> tuple[str, str, dict[str, str]]:
    """Where to sign in: base address (empty if neither a region nor `url` says), path and query.

    `url` is taken as it is; a host alone gets the path of the form, and a documented path without a query its own."""
    url = url or (_hosts(region)[1] if region else "")
    parts = urlsplit(url if "://" in url else f"https://{url}")
    path = parts.path.rstrip("/") or PATHS[form]
    usual = {PATHS["login"]: {"action": "login"}, PATHS["create"]: {"action": "create", "scheme": scheme}}
    return url and f"{parts.scheme}://{parts.netloc}", path, dict(parse_qsl(parts.query)) or usual.get(path, {})


def token_of(reply: Reply) -> Token:
    """The bearer token of a sign-in's reply; BrokenReply if there is none that can be used."""
    said = reply.json()
    token, kind, seconds = said.get("access_token"), said.get("token_type"), said.get("expires_in")
    usable = isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]{1,8192}", token)
    bearer = isinstance(kind, str) and kind.lower() == "bearer"
    if isinstance(seconds, str) and re.fullmatch(r"[0-9]{1,10}", seconds):  # its type is not documented
        seconds = int(seconds)
    lasts = seconds is None or (type(seconds) is int and 0 < seconds <= LONGEST_LIFE.total_seconds())
    if not (usable and bearer and lasts):
        raise BrokenReply(
            _t(
                "The sign-in was not answered with a bearer token that can be used. Nothing else was sent. Check the "
                "sign-in address and its form, then try again."
            )
        )
    return Token(Secret(str(token)), None if seconds is None else timedelta(seconds=seconds))
