import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from erasure.worker import heartbeat


@pytest.fixture
def home(signed_in):
    """home("ada", "approver") gives the overview as she sees it."""

    def look(name: str, *roles: str, **fields: object) -> str:
        return shown(signed_in(name, *roles, **fields))

    return look


@pytest.fixture(autouse=True)
def worker_age(monkeypatch):
    """Says when a worker of this host was last seen: worker_age(None) for never. A second ago, if nothing is said."""

    def turn(seconds: float | None) -> None:
        monkeypatch.setattr(heartbeat, "age", lambda: seconds)

    turn(1.0)
    return turn


def shown(client: Client) -> str:
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 200
    return answer.content.decode()


def panel(html: str, name: str) -> str:
    """The text of one panel, its marks taken out and its space run together."""
    return text(markup(html, name))


def markup(html: str, name: str) -> str:
    found = re.search(rf'<(section|details|p|nav)[^>]* id="{name}".*?</\1>', html, re.DOTALL)
    return found[0] if found else ""


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
