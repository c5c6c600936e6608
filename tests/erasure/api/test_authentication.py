"""Who may do what: a valid token, and its scope for every method of every address."""

from datetime import timedelta

import pytest
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from compliance.audit.models import Event
from compliance.staff import tokens
from compliance.staff.models import Scope, ServiceToken, User
from erasure.api import urls
from erasure.models import Case
from tests.erasure.api.conftest import ALL, as_account, refused

REFERENCE = "DSR-2026-000001"
#: Every address and method, and the scope it needs; two where it needs both.
SCOPES = {
    ("GET", "v1/cases/"): "cases:read",
    ("POST", "v1/cases/"): "cases:write",
    ("POST", "v1/cases/search/"): "cases:read",
    ("GET", "v1/cases/<str:reference>/"): "cases:read",
    ("GET", "v1/cases/<str:reference>/plan/"): "cases:read",
    ("GET", "v1/cases/<str:reference>/certificate/"): "cases:read cases:write",
    ("POST", "v1/cases/<str:reference>/certificate/"): "cases:write",
    ("GET", "v1/cases/<str:reference>/pack/"): "cases:read audit:read",
    ("POST", "v1/cases/<str:reference>/submit/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/approve/"): "cases:approve",
    ("POST", "v1/cases/<str:reference>/reject/"): "cases:approve",
    ("POST", "v1/cases/<str:reference>/cancel/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/hold/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/release/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/identifiers/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/proposals/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/identity/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/refuse-vendor/"): "cases:approve",
    ("POST", "v1/cases/<str:reference>/take-back-refusal/"): "cases:approve",
    ("POST", "v1/cases/<str:reference>/told-of-lifting/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/acknowledge/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/ask/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/answered/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/extend/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/reply/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/recipients/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/recipients/told/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/recipients/not-told/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/attest/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/searched/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/retry/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/give-up/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/shred/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/shred/withdraw/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/shred/approve/"): "cases:approve",
    ("POST", "v1/cases/<str:reference>/letters/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/letters/preview/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/letters/send-again/"): "cases:write",
    ("POST", "v1/cases/<str:reference>/letters/arrived/"): "cases:write",
    ("POST", "v1/suppression/check/"): "suppression:read",
    ("GET", "v1/vendors/"): "vendors:read",
    ("GET", "v1/audit/"): "audit:read",
    ("GET", "v1/audit/checkpoint/"): "audit:read",
    ("GET", "v1/audit/proof/"): "audit:read",
    ("GET", "v1/audit/consistency/"): "audit:read",
    ("GET", "v1/audit/key/"): "audit:read",
}


def _routes() -> list[URLPattern]:
    return [pattern for pattern in urls.urlpatterns if str(pattern.pattern).startswith("v1/")]


def test_the_table_names_every_method_of_every_address():
    served = {(method, str(pattern.pattern)) for pattern in _routes() for method in pattern.callback.cls.specs}
    assert served == set(SCOPES)
    assert get_resolver().resolve("/api/v1/cases/")


@pytest.mark.parametrize("scope", ALL)
def test_a_token_reaches_what_its_scope_says_and_nothing_else(vendors, scope):
    client = as_account("crm", scope)
    for (method, route), needed in SCOPES.items():
        url = "/api/" + route.replace("<str:reference>", REFERENCE)
        response = client.generic(method, url, b"{}" if method == "POST" else b"", content_type="application/json")
        if needed == scope:
            assert response.status_code in (200, 404, 409, 422), (method, url, response.content)
        else:
            problem = refused(response, 403, "missing_scope")
            assert problem["scope"] in set(needed.split()) - {scope}
            assert problem["scope"] in problem["detail"]
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer desk_nothing", "Bearer a b", "Basic dTpw", "Token x", "desk_x", "Bearer ä"],
)
@pytest.mark.parametrize(("method", "route"), SCOPES)
def test_without_a_valid_token_nothing_is_reached(db, method, route, header):
    client = APIClient()
    if header is not None:
        client.credentials(HTTP_AUTHORIZATION=header)
    url = "/api/" + route.replace("<str:reference>", REFERENCE)
    response = client.generic(method, url, b"not json", content_type="application/json")
    refused(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert not Event.objects.exists(), "anybody could fill the trail"


def test_an_expired_or_revoked_token_or_a_closed_account_is_refused(db, turn_clock):
    expiring, text = tokens.issue("crm", ["cases:read"], timedelta(hours=1))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"bearer {text}")
    assert client.get("/api/v1/cases/").status_code == 200
    turn_clock(timedelta(hours=2))
    refused(client.get("/api/v1/cases/"), 401, "not_authenticated")
    client = as_account("billing", "cases:read")
    assert client.get("/api/v1/cases/").status_code == 200
    User.objects.filter(username="billing").update(is_active=False)
    refused(client.get("/api/v1/cases/"), 401, "not_authenticated")
    User.objects.update(is_active=True)
    tokens.revoke(ServiceToken.objects.get(account__username="billing"), actor="system:test")
    refused(client.get("/api/v1/cases/"), 401, "not_authenticated")
    assert expiring.account.username == "crm"


def test_a_signed_in_person_is_nobody_here(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x"))
    refused(client.get("/api/v1/cases/"), 401, "not_authenticated")


def test_head_needs_the_scope_of_get(db):
    assert as_account("crm", "cases:read").head("/api/v1/cases/").status_code == 200
    assert as_account("crm", "cases:write").head("/api/v1/cases/").status_code == 403


def test_the_scopes_are_those_of_the_contract():
    of_the_api = {"cases:read", "cases:write", "cases:approve", "audit:read", "vendors:read", "suppression:read"}
    assert set(Scope.values) == of_the_api | {"metrics:read"}
