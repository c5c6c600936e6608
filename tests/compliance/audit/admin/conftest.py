from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from compliance.staff.models import User
from tests.factories import person

LIST = "admin:audit_event_changelist"
EXPORT = "admin:audit_event_export"


@pytest.fixture
def anna(db) -> User:
    return person("anna", "auditor")


@pytest.fixture
def auditor(anna: User, client: Client) -> Client:
    """A client that anna, an auditor, has signed in to."""
    client.force_login(anna)
    return client


@pytest.fixture
def listed(auditor: Client) -> Callable[..., str]:
    """listed(q="DSR-2026-000001") gives the text of the list, narrowed as its address says."""

    def page(**narrowed: Any) -> str:
        return unescape(auditor.get(reverse(LIST), narrowed).content.decode())

    return page


def told(response: Any) -> list[str]:
    """The messages that an answer left for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]
