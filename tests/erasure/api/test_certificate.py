"""The certificate over the API: made once for a state, handed out as it was made."""

import hashlib

import pytest

from compliance.audit.models import Event
from erasure import lifecycle
from erasure.api import exports
from erasure.models import Case
from tests.erasure.api.conftest import as_account, pointers, refused
from tests.factories import person


@pytest.fixture
def ended(crm, opened) -> str:
    """The address of the certificate of a case that was refused."""
    reference = opened(submit=True, requester={"name": "Ada Lovelace", "language": "de"})["reference"]
    lifecycle.reject(Case.objects.get(), by=person("ada", "approver"), ground="legal_claims")
    return f"/api/v1/cases/{reference}/certificate/"


def test_it_is_made_with_its_hash_and_read_as_it_was_made(crm, ended):
    refused(crm.get(ended), 404, "not_found")
    made = crm.post(ended, {})
    assert made.status_code == 201
    said = made.json()
    assert set(said) == {"evidence", "sha256", "size", "created_at"}
    answer = crm.get(ended)
    assert answer["Content-Type"] == "application/pdf"
    assert "attachment" in answer["Content-Disposition"]
    assert hashlib.sha256(answer.content).hexdigest() == said["sha256"]
    assert len(answer.content) == said["size"]
    assert Event.objects.get(action="certificate.issued").details["sha256"] == said["sha256"]
    shown = crm.get(ended.replace("certificate/", "")).json()["evidence"]
    assert [(item["id"], item["kind"]) for item in shown] == [(said["evidence"], "certificate")]
    assert crm.post(ended, {}).json() == said


def test_its_language_can_be_chosen(crm, ended):
    german, english = crm.post(ended, {"language": "de"}).json(), crm.post(ended, {"language": "en"}).json()
    assert german["sha256"] != english["sha256"]
    assert crm.post(ended, {}).json()["sha256"] == german["sha256"]
    assert pointers(refused(crm.post(ended, {"language": "fr"}), 422, "invalid")) == ["/language"]


def test_a_case_that_goes_on_has_none(crm, opened):
    address = f"/api/v1/cases/{opened()['reference']}/certificate/"
    refused(crm.post(address, {}), 409, "wrong_state")
    refused(crm.get(address), 404, "not_found")


def test_who_only_reads_cases_does_not_read_whom_one_is_for(crm, ended):
    crm.post(ended, {})
    problem = refused(as_account("statistics", "cases:read").get(ended), 403, "missing_scope")
    assert problem["scope"] == "cases:write"


def test_nobody_fills_the_trail_by_looking_at_it(crm, ended, monkeypatch):
    monkeypatch.setattr(exports, "MOST", 2)
    crm.post(ended, {})
    assert [crm.get(ended).status_code for _ in range(3)] == [200, 200, 429]
    assert Event.objects.filter(action="evidence.downloaded").count() == 2
