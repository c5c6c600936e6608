"""The API's own description is true, and its page needs nothing that the content policy forbids."""

import re

import pytest
from drf_spectacular.validation import validate_schema

from erasure.models import Case
from tests.erasure.api.conftest import as_account, body
from tests.erasure.api.test_authentication import SCOPES


@pytest.fixture
def schema(client, db) -> dict:
    response = client.get("/api/schema/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    return response.json()


def test_the_schema_is_valid_and_raises_no_complaint(schema, capsys):
    from drf_spectacular.drainage import GENERATOR_STATS

    validate_schema(schema)
    assert not GENERATOR_STATS._warn_cache and not GENERATOR_STATS._error_cache, capsys.readouterr().err


def test_every_method_of_every_address_is_in_it_with_its_scope(schema):
    described = {
        (method.upper(), path.removeprefix("/api/").replace("{reference}", "<str:reference>")): operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert set(described) == set(SCOPES)
    for place, scope in SCOPES.items():
        operation = described[place]
        assert all(f"`{word}`" in operation["description"] for word in scope.split())
        assert operation["security"] == [{"token": []}]
        assert {"401", "403"} <= set(operation["responses"])
        assert "application/problem+json" in operation["responses"]["401"]["content"]
    names = [operation["operationId"] for operation in described.values()]
    assert len(set(names)) == len(names)
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_a_case_has_the_properties_that_are_described(schema, vendors):
    case = as_account("crm").post("/api/v1/cases/", body()).json()
    shown = schema["components"]["schemas"]
    assert set(case) == set(shown["OpenedShown"]["properties"])
    assert set(case["sub_tasks"][0]) == set(shown["SubTaskShown"]["properties"])
    assert set(shown["OpenBody"]["required"]) == {"kind", "regime", "ground", "identifiers"}
    assert case["status"] in shown["CaseShown"]["properties"]["status"]["enum"]
    assert Case.objects.count() == 1


def test_posts_describe_their_idempotency_key(schema):
    for path, operations in schema["paths"].items():
        if "post" in operations:
            assert "Idempotency-Key" in [item["name"] for item in operations["post"]["parameters"]], path


def test_the_page_has_no_inline_script_or_style_and_nothing_foreign(client, db):
    response = client.get("/api/docs/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "style" not in re.sub(r'rel="stylesheet"', "", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    script = client.get(re.search(r'src="(/api/docs/[^"]*)"', page)[1].replace("&amp;", "&"))
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert "/api/schema/" in script.content.decode()
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert client.get(address).status_code == 200, address
