from collections.abc import Callable

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from compliance.staff.models import User
from erasure.models import Case, SubTask
from tests.factories import person, vendor


@pytest.fixture(autouse=True)
def shop(db):
    return vendor("Shop search")


@pytest.fixture
def signed_in(db) -> Callable[..., Client]:
    """A client of somebody's: signed_in("ada", "approver")."""

    def sign_in(name: str, *roles: str, **fields: object) -> Client:
        client = Client()
        client.force_login(person(name, *roles, **fields))
        return client

    return sign_in


def page(client: Client, case: Case) -> str:
    return client.get(reverse("admin:erasure_case_change", args=[case.pk])).content.decode()


def act(client: Client, about: Case | SubTask, deed: str, **given: object):
    """Posts a deed as the page's button would; the answer is a redirect, or a refusal."""
    if isinstance(about, SubTask):
        address = reverse("admin:erasure_case_work", args=[about.case_id, about.pk, deed])
    else:
        address = reverse("admin:erasure_case_act", args=[about.pk, deed])
    return client.post(address, given)


def told(response) -> list[str]:
    """The messages that a post left for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def superuser(name: str = "root") -> User:
    return person(name, is_superuser=True)
