"""POST /api/v1/suppression/check/"""

import pytest

from compliance.audit.models import Event
from tests.factories import suppressed

from .conftest import as_account, refused

CHECK = "/api/v1/suppression/check/"
pytestmark = pytest.mark.django_db


def asked(*identifiers, **more):
    body = {"identifiers": [{"kind": kind, "value": value} for kind, value in identifiers], **more}
    return as_account("importer", "suppression:read").post(CHECK, body, format="json")


def test_it_says_of_each_in_turn_whether_it_is_on_the_list_since_when_and_no_more():
    entry = suppressed("email", "ada@example.org")
    response = asked(("email", "ADA@example.org"), ("email", "eve@example.org"), ("email", "nobody"))
    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {"listed": True, "since": entry.added_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "problem": ""},
            {"listed": False, "since": None, "problem": ""},
            {"listed": False, "since": None, "problem": "It is not an e-mail address."},
        ]
    }
    assert entry.case.reference not in response.content.decode()
    assert Event.objects.get(action="suppression.checked").details == {"checked": 3, "listed": 1, "unreadable": 1}


def test_phone_numbers_are_read_in_a_country():
    suppressed("phone", "+49 30 123456")
    assert asked(("phone", "030 123456"), country="DE").json()["results"][0]["listed"]


@pytest.mark.parametrize("scope", ["cases:read", "cases:write", "cases:approve", "audit:read", "vendors:read"])
def test_no_other_scope_can_ask_and_this_one_reads_no_case(scope):
    body = {"identifiers": [{"kind": "email", "value": "ada@example.org"}]}
    refused(as_account("crm", scope).post(CHECK, body, format="json"), 403, "missing_scope")
    refused(as_account("importer", "suppression:read").get("/api/v1/cases/"), 403, "missing_scope")
    assert not Event.objects.filter(action="suppression.checked").exists()


def test_more_than_a_thousand_are_refused():
    problem = refused(asked(*[("email", f"a{number}@example.org") for number in range(1001)]), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/identifiers"
    assert asked(*[("email", f"a{number}@example.org") for number in range(1000)]).status_code == 200


@pytest.mark.parametrize("body", [{}, {"identifiers": "x"}, {"identifiers": [{"kind": "email"}]}, {"case": "x"}])
def test_a_body_of_another_shape_is_refused(body):
    refused(as_account("importer", "suppression:read").post(CHECK, body, format="json"), 422, "invalid")
