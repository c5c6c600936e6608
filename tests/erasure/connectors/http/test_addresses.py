import socket

import pytest

from erasure.connectors.base import Misconfigured, RetryLater
from erasure.connectors.http import Network, check_base_url
from erasure.connectors.http.addresses import resolve

VENDORS = Network(("api.vendor.example", "*.agilone.com", "93.184.215.14", "10.0.0.5", "2606:4700::1111"))
SANDBOX = Network(loopback=True)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.vendor.example", "https://api.vendor.example"),
        ("https://API.Vendor.Example/", "https://api.vendor.example"),
        ("https://api.vendor.example:443/base/", "https://api.vendor.example/base"),
        ("https://api.vendor.example:8443/base", "https://api.vendor.example:8443/base"),
        ("https://api6.eu.agilone.com", "https://api6.eu.agilone.com"),
        ("https://93.184.215.14", "https://93.184.215.14"),
        ("https://[2606:4700::1111]:8443", "https://[2606:4700::1111]:8443"),
    ],
)
def test_an_allowed_address_is_normalised(url: str, normal: str) -> None:
    assert check_base_url(url, VENDORS) == normal


@pytest.mark.parametrize("url", ["http://127.0.0.1:9101", "http://localhost:9101/", "https://[::1]:9101"])
def test_loopback_may_be_plain_http_when_the_operator_says_so(url: str) -> None:
    assert check_base_url(url, SANDBOX) == url.rstrip("/")
    with pytest.raises(Misconfigured, match="VENDOR_LOOPBACK=1") as refused:
        check_base_url(url, VENDORS)
    assert refused.value.code == "host_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example",
        "https://vendor.example",  # the parent of an allowed host
        "https://xapi.vendor.example",
        "https://agilone.com",  # the pattern covers sub-domains only
        "https://eviagilone.com",
        "https://agilone.com.evil.example",
        "https://8.8.8.8",
        "https://2130706433",
        "https://127.1",
    ],
)
def test_another_host_is_refused_and_the_text_says_what_to_add_where(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_base_url(url, VENDORS)
    assert refused.value.code == "host_not_allowed"
    assert f"add {url.removeprefix('https://')} to the setting VENDOR_HOSTS" in refused.value.text


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vendor.example",
        "ftp://api.vendor.example",
        "api.vendor.example",
        "https://",
        "https:///path",
        "https://[",
        "https://user@api.vendor.example",
        "https://api.vendor.example@evil.example",
        "https://api.vendor.example:pass@evil.example",
        "https://api.vendor.example\\@evil.example",
        "https://api.vendor.example?",
        "https://api.vendor.example/?x=1",
        "https://api.vendor.example/#x",
        "https://api.vendor.example:0",
        "https://api.vendor.example:65536",
        "https://api.vendor.example:x",
        "https://api.vendor.example:443@evil.example",
        "https://api.vendor.example:443:8443",
        "https://api.vendor.example:-1",
        "https://api.vendor.example:٤٤٣",
        "https://api.vendor.example..",
        "https://.api.vendor.example",
        "https://localhost.",
        "https://127.0.0.1.",
        "https://api.vendor.example%00.evil.example",
        "https://api.vendor.example/a/../b",
        "https://api.vendor.example/a/%2e%2E/b",
        "https://api.vendor.example/a//b",
        "https://api.vendor.example/a b",
        "https://api.vendor.example/a\r\nHost: evil.example",
        "https://api.vendor.example\t/",
        "https://api.vendor.example.",
        "https://аpi.vendor.example",  # a Cyrillic first letter
        "https://api.vendor.example%2eevil.example",
        "",
    ],
)
def test_anything_but_a_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_base_url(url, VENDORS)
    assert refused.value.code == "bad_address"


NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::808:808",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", [address for address in NOT_PUBLIC if "%" not in address])
def test_an_ip_address_that_is_not_public_is_refused_even_if_it_is_listed(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Misconfigured) as refused:
        check_base_url(f"https://{host}", Network((address, host)))
    assert refused.value.code == ("host_not_allowed" if address in ("127.0.0.1", "::1") else "address_not_allowed")


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def answer(host: str, port: int, **_more: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_anywhere_but_to_the_internet_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leading_to(monkeypatch, "93.184.215.14", address)
    with pytest.raises(Misconfigured) as refused:
        resolve("api.vendor.example", 443)
    assert refused.value.code == "address_not_allowed"
    assert address not in refused.value.text


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_name_that_leads_to_the_internet_is_resolved_to_it(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    leading_to(monkeypatch, address)
    assert [sockaddr for _family, sockaddr in resolve("api.vendor.example", 443)] == [(address, 443)]


@pytest.mark.parametrize("address", ["93.184.215.14", "::ffff:127.0.0.1"])
def test_localhost_must_be_this_machine(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    leading_to(monkeypatch, address)
    with pytest.raises(Misconfigured):
        resolve("localhost", 80)


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "0"])
def test_another_spelling_of_this_machines_address_is_a_name_that_leads_here(host: str) -> None:
    """Whoever lists it has not allowed this machine; the resolver of the system reads it as an address."""
    network = Network((host,), loopback=True)
    assert check_base_url(f"https://{host}", network) == f"https://{host}"
    with pytest.raises((Misconfigured, RetryLater)) as refused:
        resolve(host, 443)
    assert refused.value.code in ("address_not_allowed", "not_sent")


def test_a_name_that_is_not_found_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(RetryLater, match="nothing was sent") as later:
        resolve("api.vendor.example", 443)
    assert later.value.code == "not_sent"
