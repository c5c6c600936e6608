"""Every refusal is a problem of a listed type, and says nothing that it should not."""

import ast
import json
import logging
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from rest_framework.exceptions import Throttled
from rest_framework.test import APIClient

from compliance.vault.seal import Unreadable
from erasure.api import cases, problems
from erasure.errors import Conflict, Forbidden, NotFound
from erasure.models import Case
from tests.erasure.api.conftest import body, pointers, refused

NONSENSE = "customer Ada Lovelace"


def post_raw(client: APIClient, content: bytes, content_type: str = "application/json"):
    return client.generic("POST", "/api/v1/cases/", content, content_type=content_type)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"kind": "erasure", "kind": "export"}',
        b'{"kind": NaN}',
        b'{"kind": 1' + b"0" * 5000 + b"}",
        b"[" * 200_000,
        b"\xff\xfe{}",
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"kind": "erasure"}',
        rb'{"\ud800": 1}',
        b'{"kind": "erasure"} trailing',
    ],
)
def test_a_body_that_cannot_be_read_is_400(crm, content):
    refused(post_raw(crm, content), 400, "malformed_request")


def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(crm):
    refused(post_raw(crm, json.dumps(body(external_id="x" * 2_200_000)).encode()), 413, "too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_is_not_json_is_415(crm, content_type):
    refused(post_raw(crm, b"kind=erasure", content_type), 415, "unsupported_media_type")


def test_json_with_a_charset_is_json(crm):
    assert post_raw(crm, json.dumps(body()).encode(), "application/json; charset=utf-8").status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/problem+json", "text/csv;q=0.1"])
def test_whatever_a_client_accepts_it_gets_json(crm, accept):
    response = crm.get("/api/v1/cases/", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", "/api/v1/cases/"),
        ("DELETE", "/api/v1/cases/DSR-2026-000001/"),
        ("POST", "/api/v1/cases/DSR-2026-000001/"),
        ("GET", "/api/v1/cases/DSR-2026-000001/approve/"),
        ("GET", "/api/v1/cases/search/"),
        ("PATCH", "/api/v1/vendors/"),
        ("OPTIONS", "/api/v1/cases/"),
    ],
)
def test_a_method_that_an_address_does_not_know(crm, method, url):
    response = crm.generic(method, url)
    refused(response, 405, "method_not_allowed")
    assert method not in response.headers["Allow"]


@pytest.mark.parametrize(
    "url", ["/api/", "/api/v1/", "/api/v1/cases", "/api/v2/cases/", "/api/v1/cases/DSR-2026-000001/x/"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address_is_a_problem_too(crm, url, method):
    refused(crm.generic(method, url), 404, "not_found")


def test_no_reply_may_be_kept_by_a_cache(crm):
    assert crm.get("/api/v1/cases/").headers["Cache-Control"] == "no-store"


def raising(monkeypatch, error: Exception) -> None:
    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr(cases.intake, "open_case", broken)


def test_a_defect_is_a_problem_without_details(crm, monkeypatch, caplog):
    raising(monkeypatch, ZeroDivisionError(NONSENSE))
    with caplog.at_level(logging.ERROR):
        problem = refused(crm.post("/api/v1/cases/", body()), 500, "internal")
    assert NONSENSE not in json.dumps(problem)
    assert "ZeroDivisionError" in caplog.text and "in broken" in caplog.text
    assert NONSENSE not in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("wrong_state", "Not now."), 409, "wrong_state"),
        (Conflict("never_heard_of", "Not now."), 409, "conflict"),
        (Conflict("four_eyes", "A code of another status."), 409, "conflict"),
        (Forbidden("four_eyes", "Not you."), 403, "four_eyes"),
        (Forbidden("never_heard_of", "Not you."), 403, "forbidden"),
        (NotFound("not_found", "Where?"), 404, "not_found"),
        (Unreadable("The key ring lacks a key."), 500, "unreadable"),
        (OperationalError(NONSENSE), 503, "unavailable"),
        (ImproperlyConfigured("KEY_RING: there is no key ring."), 503, "unavailable"),
        (Throttled(wait=7), 429, "throttled"),
    ],
)
def test_every_error_has_its_type(crm, monkeypatch, error, status, code):
    raising(monkeypatch, error)
    response = crm.post("/api/v1/cases/", body())
    problem = refused(response, status, code)
    assert NONSENSE not in json.dumps(problem)
    if status in (429, 503):
        assert int(response.headers["Retry-After"]) > 0


def test_each_wrong_field_has_its_own_entry(crm):
    sent = body(kind="oblivion", regime="x", status="completed", identifiers=[{"kind": "email", "value": ""}])
    del sent["ground"]
    assert set(pointers(refused(crm.post("/api/v1/cases/", sent), 422, "invalid"))) == {"/ground", "/status"}
    sent = body(kind="oblivion", regime="x", identifiers=[{"kind": "email", "value": ""}])
    found = pointers(refused(crm.post("/api/v1/cases/", sent), 422, "invalid"))
    assert set(found) == {"/kind", "/regime", "/identifiers/0/value"}
    assert not Case.objects.exists()


def test_without_its_key_ring_the_desk_is_unavailable(crm, settings, tmp_path, caplog):
    settings.KEY_RING = tmp_path / "gone.json"
    problem = refused(crm.post("/api/v1/cases/", body()), 503, "unavailable")
    assert "key ring" in problem["detail"]
    assert "KEY_RING" in caplog.text


def detail(response) -> str:
    return refused(response, 422, "invalid")["detail"]


def test_the_detail_names_each_wrong_field(crm):
    sent = body(country="Germany", identifiers=[{"kind": "email", "value": ""}])
    assert detail(crm.post("/api/v1/cases/", sent)) == (
        "Nothing was done. country: Two capital letters of a country (ISO 3166), such as DE; "
        "identifiers/0/value: It is empty."
    )


def test_the_detail_names_at_most_five_and_counts_the_others(crm):
    five = "; ".join(f"field{number}: Unknown field" for number in range(5))
    sent = body(**{f"field{number}": 1 for number in range(7)})
    assert detail(crm.post("/api/v1/cases/", sent)) == f"Nothing was done. {five}; and 2 more."
    del sent["field5"], sent["field6"]
    assert detail(crm.post("/api/v1/cases/", sent)) == f"Nothing was done. {five}."


MOMENT = "2026-11-02T09:30:00Z"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([], "request: must be an object"),
        ("text", "request: must be an object"),
        (body(requester="Ada"), "requester: must be an object"),
        (body(identifiers="Ada"), "identifiers: must be a list"),
        (body(identifiers=["Ada"]), "identifiers/0: must be an object"),
        (body(identifiers=None), "identifiers: must not be null"),
        (body(identifiers=[{"kind": "email"}]), "identifiers/0/value: is required"),
        (body(kind=None), "kind: must not be null"),
        (body(external_id=991), "external_id: must be text"),
        (body(submit="yes"), "submit: must be true or false"),
        (body(vendors="shop-search"), "vendors: must be a list"),
        (body(vendors=[]), "vendors: must not be empty"),
        (body(vendors=["x"] * 1001), "vendors: must hold no more than 1000 items"),
        (body(received_at="yesterday"), f"received_at: must be a time such as {MOMENT}"),
        (body(received_at="2026-11-02"), f"received_at: A day is not enough: give a time such as {MOMENT}"),
        (body(received_at="0001-01-01T00:00:00+14:00"), "received_at: must lie in the years from 1900 to 9998"),
        (body(received_at="9999-12-31T23:59:59-12:00"), "received_at: must lie in the years from 1900 to 9998"),
    ],
)
def test_a_wrong_shape_is_said_in_plain_words(crm, sent, said):
    assert detail(crm.post("/api/v1/cases/", sent)) == f"Nothing was done. {said}."


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("cases/?limit=201", "limit: must be 200 or less"),
        ("cases/?limit=0", "limit: must be 1 or more"),
        ("cases/?limit=many", "limit: must be a whole number"),
        ("cases/?due_before=soon", "due_before: must be a day such as 2026-11-02"),
        ("audit/?format=xml", "format: Choose one of json, jsonl, csv, zip"),
        (f"audit/?limit={'9' * 2000}", "limit: must be a whole number"),
    ],
)
def test_a_wrong_query_is_said_in_plain_words(crm, query, said):
    assert detail(crm.get(f"/api/v1/{query}")) == f"Nothing was done. {said}."


def test_who_sends_no_token_is_told_how(db):
    problem = refused(APIClient().get("/api/v1/cases/"), 401, "not_authenticated")
    assert "Authorization: Bearer" in problem["detail"]


def test_every_code_that_the_desk_refuses_with_is_listed_with_its_status():
    statuses = {"Conflict": 409, "Forbidden": 403, "NotFound": 404}
    found = set()
    files = Path(settings.BASE_DIR / "erasure").rglob("*.py")
    for path in (path for path in files if not {"admin", "bulk", "imports"} & set(path.parts)):  # these have no API
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in statuses and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    found.add((code.value, statuses[node.func.id]))
    assert found
    assert [(code, status) for code, status in found if problems.TYPES.get(code, (0, ""))[0] != status] == []
