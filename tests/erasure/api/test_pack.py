"""The regulator pack over the API."""

import io
import zipfile

import pytest

from compliance.audit.models import Event
from erasure.api import exports
from tests.erasure.api.conftest import as_account, refused

BOTH = ("cases:read", "audit:read")


def test_a_token_with_both_scopes_gets_the_pack_and_that_is_on_record(opened) -> None:
    reference = opened()["reference"]
    response = as_account("lawyer", *BOTH).get(f"/api/v1/cases/{reference}/pack/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{reference}-pack.zip"'
    assert response.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert {"case.pdf", "trail.csv", "verify.py"} <= set(archive.namelist())
    event = Event.objects.get(action="audit.exported")
    assert (event.subject, event.details["format"]) == (f"case:{reference}", "pack")


@pytest.mark.parametrize(("scope", "lacking"), [BOTH, BOTH[::-1]])
def test_one_scope_alone_is_not_enough(opened, scope: str, lacking: str) -> None:
    reference = opened()["reference"]
    problem = refused(as_account("lawyer", scope).get(f"/api/v1/cases/{reference}/pack/"), 403, "missing_scope")
    assert problem["scope"] == lacking
    assert not Event.objects.filter(action="audit.exported").exists()


def test_an_unknown_case_has_none(vendors) -> None:
    refused(as_account("lawyer", *BOTH).get("/api/v1/cases/DSR-2026-000404/pack/"), 404, "not_found")


def test_packs_are_as_many_as_other_exports_and_no_more(opened, monkeypatch) -> None:
    monkeypatch.setattr(exports, "MOST", 2)
    reference, lawyer = opened()["reference"], as_account("lawyer", *BOTH)
    assert lawyer.get(f"/api/v1/cases/{reference}/pack/").status_code == 200
    assert lawyer.get(f"/api/v1/audit/?case={reference}").status_code == 200
    refused(lawyer.get(f"/api/v1/cases/{reference}/pack/"), 429, "throttled")
    assert Event.objects.filter(action="audit.exported").count() == 2


def test_what_cannot_be_sealed_is_a_conflict(opened, settings, tmp_path) -> None:
    reference = opened()["reference"]
    (tmp_path / "file").write_text("")
    settings.AUDIT_SIGNING_KEY = tmp_path / "file" / "key.pem"
    problem = refused(as_account("lawyer", *BOTH).get(f"/api/v1/cases/{reference}/pack/"), 409, "not_sealed")
    assert "Try again" in problem["detail"]
