"""A client for each part: real tokens, real vendors' accounts, nothing behind them."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from compliance.staff import tokens
from compliance.staff.models import Scope
from tests import factories
from tests.trail import trail_can_be_emptied  # noqa: F401

ALL = tuple(Scope.values)
VALUES = {
    "email": "Ada.Lovelace@example.org",
    "customer_id": "C-1001-secret",
    "name": "Ada Lovelace",
    "reply_to": "reply-here@example.org",
    "external_id": "crm-991-secret",
}


def as_account(name: str, *scopes: str) -> APIClient:
    """A client with a new token of that service account."""
    _token, text = tokens.issue(name, scopes or ALL)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    client.default_format = "json"
    return client


def body(**changes: object) -> dict[str, object]:
    """What opens a case, with personal data in every place that takes some."""
    return {
        "kind": "erasure",
        "regime": "gdpr",
        "country": "DE",
        "subdivision": None,
        "ground": "subject_request",
        "channel": "email",
        "received_at": "2026-11-02T09:30:00Z",
        "requester": {"name": VALUES["name"], "reply_to": VALUES["reply_to"], "language": "en", "acting_for": ""},
        "identifiers": [
            {"kind": "email", "value": VALUES["email"]},
            {"kind": "customer_id", "value": VALUES["customer_id"]},
        ],
        **changes,
    }


@pytest.fixture
def vendors(db: None) -> None:
    factories.vendor()
    factories.vendor("Paper archive", "manual")


@pytest.fixture
def crm(vendors: None) -> APIClient:
    """Opens cases."""
    return as_account("crm")


@pytest.fixture
def legal(vendors: None) -> APIClient:
    """Another account, that may approve what crm opened."""
    return as_account("legal")


@pytest.fixture
def opened(crm: APIClient) -> Callable[..., dict]:
    """Opens a case over the API and returns it."""

    def open_one(**changes: object) -> dict:
        response = crm.post("/api/v1/cases/", body(**changes))
        assert response.status_code == 201, response.content
        return response.json()

    return open_one


def refused(response, status: int, code: str) -> dict:
    """The problem that a response must be."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


def pointers(problem: dict) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]
