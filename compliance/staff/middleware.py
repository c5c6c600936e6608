"""Who is calling, when the desk stands behind proxies."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _trusted(address: IPv4Address | IPv6Address | None) -> bool:
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


class TrustedProxies:
    """Turns X-Forwarded-For and X-Forwarded-Proto into REMOTE_ADDR and the scheme, and takes the headers away.

    They count only if the connection comes from `settings.TRUSTED_PROXIES`; from anybody else they are a claim that a
    client can forge. Each proxy appends the address it was called from, so the chain is read from the right: the first
    address that is not one of our proxies is the client. What stands left of it may be invented. A proxy must replace
    X-Forwarded-Proto, not append to it: more than one value is ignored."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chain = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = request.META.pop("HTTP_X_FORWARDED_PROTO", "").strip().lower()
        client = _address(request.META.get("REMOTE_ADDR", ""))
        if _trusted(client):
            if scheme in ("http", "https"):
                request.META["wsgi.url_scheme"] = scheme
            for hop in reversed(chain.split(",")):
                if not _trusted(client) or (caller := _address(hop)) is None:
                    break
                client = caller
            request.META["REMOTE_ADDR"] = str(client)
        return self.get_response(request)
