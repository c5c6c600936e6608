from ipaddress import ip_network

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from compliance.staff.middleware import TrustedProxies


@pytest.fixture(autouse=True)
def proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def seen_by_views(remote: str, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR=remote, **headers)
    TrustedProxies(lambda _request: HttpResponse())(request)
    return request


@pytest.mark.parametrize(
    ("remote", "chain", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),  # the leftmost was sent by the client
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # a client inside our own network
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_address_from_the_right_that_is_no_proxy_of_ours(remote, chain, client):
    assert seen_by_views(remote, HTTP_X_FORWARDED_FOR=chain).META["REMOTE_ADDR"] == client


def test_a_trusted_proxy_says_whether_the_client_came_by_https():
    assert seen_by_views("10.0.0.1", HTTP_X_FORWARDED_PROTO="https").is_secure()
    assert not seen_by_views("10.0.0.1", HTTP_X_FORWARDED_PROTO="http").is_secure()
    assert not seen_by_views("10.0.0.1", HTTP_X_FORWARDED_PROTO="https, http").is_secure()


@pytest.mark.parametrize("remote", ["203.0.113.9", "", "not an address"])
def test_headers_of_anybody_else_change_nothing(remote):
    request = seen_by_views(remote, HTTP_X_FORWARDED_FOR="198.51.100.1", HTTP_X_FORWARDED_PROTO="https")
    assert request.META["REMOTE_ADDR"] == remote
    assert not request.is_secure()


@pytest.mark.parametrize("remote", ["203.0.113.9", "10.0.0.1"])
def test_nothing_behind_the_middleware_sees_the_headers(remote):
    request = seen_by_views(remote, HTTP_X_FORWARDED_FOR="198.51.100.1", HTTP_X_FORWARDED_PROTO="https")
    assert not [name for name in request.META if name.startswith("HTTP_X_FORWARDED")]
