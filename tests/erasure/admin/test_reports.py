"""The regulator pack and the register, from the pages of cases."""

import io
import zipfile
from typing import Any

import pytest
from django.urls import reverse

from compliance.audit.models import Event
from erasure import lifecycle
from erasure.models import Case
from tests.factories import approved_case, opened_case, person

from .conftest import page, told


def address(case: Case) -> str:
    return reverse("admin:erasure_case_pack", args=[case.pk])


def register() -> str:
    return reverse("admin:erasure_case_register")


def exports() -> list[tuple[str, str]]:
    found = Event.objects.filter(action__in=["audit.exported", "register.exported"])
    return list(found.values_list("action", "actor"))


def read(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_an_auditor_gets_the_pack_from_the_cases_page(signed_in) -> None:
    case, auditor = approved_case(), signed_in("audrey", "auditor")
    shown = page(auditor, case)
    assert f'action="{address(case)}"' in shown
    assert "Regulator pack" in shown
    response = auditor.post(address(case))
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{case.reference}-pack.zip"'
    assert "no-store" in response.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(read(response))) as archive:
        assert "case.pdf" in archive.namelist()
    assert exports() == [("audit.exported", f"user:{person('audrey').pk}")]


@pytest.mark.parametrize("role", ["intake", "approver", "vendor manager"])
def test_who_may_not_export_gets_neither_and_sees_neither(signed_in, role: str) -> None:
    case, client = approved_case(), signed_in("iris", role)
    for url in (address(case), register()):
        assert client.post(url).status_code == 403
        assert client.get(url).status_code == 403
    if role != "vendor manager":
        assert "Regulator pack" not in page(client, case)
        assert register() not in client.get(reverse("admin:erasure_case_changelist")).content.decode()
    assert exports() == []


def test_whoever_only_looks_at_the_address_makes_no_pack(signed_in) -> None:
    case, auditor = approved_case(), signed_in("audrey", "auditor")
    response = auditor.get(address(case))
    assert response.headers["Location"] == reverse("admin:erasure_case_change", args=[case.pk])
    assert auditor.put(address(case)).status_code == 405
    assert exports() == []


def test_a_refusal_is_told_on_the_cases_page(signed_in, settings, tmp_path) -> None:
    case, auditor = approved_case(), signed_in("audrey", "auditor")
    (tmp_path / "file").write_text("")
    settings.AUDIT_SIGNING_KEY = tmp_path / "file" / "key.pem"
    response = auditor.post(address(case))
    assert response.headers["Location"] == reverse("admin:erasure_case_change", args=[case.pk])
    assert "could not be sealed" in told(response)[0]
    assert exports() == []


def test_the_register_is_asked_for_by_a_form(signed_in) -> None:
    auditor = signed_in("audrey", "auditor")
    ours, other = opened_case(regime="ccpa"), opened_case(regime="gdpr")
    assert register() in auditor.get(reverse("admin:erasure_case_changelist")).content.decode()
    assert 'name="regime"' in auditor.get(register()).content.decode()
    assert exports() == []
    given = {"regime": "ccpa", "since": "", "until": "", "format": "excel"}
    response = auditor.post(register(), given)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="register.csv"'
    assert exports() == [("register.exported", f"user:{person('audrey').pk}")]  # before the first line
    lines = read(response).decode()
    assert lines.startswith("\ufeffreference,")
    assert ours.reference in lines
    assert other.reference not in lines
    assert ours.reference in read(auditor.post(register(), given | {"format": "jsonl"})).decode()


@pytest.mark.parametrize(
    "given", [{"since": "2026-02-02", "until": "2026-02-01"}, {"since": "soon"}, {"regime": "roman"}, {"format": "exe"}]
)
def test_what_is_wrong_in_the_form_is_said_and_nothing_is_exported(signed_in, given: dict[str, str]) -> None:
    response = signed_in("audrey", "auditor").post(register(), {"format": "csv"} | given)
    assert response.status_code == 422
    assert "Nothing was exported." in response.content.decode()
    assert exports() == []


# --- the certificate


def refused_case() -> Case:
    case = opened_case(submit=True, requester={"language": "de"})
    lifecycle.reject(case, by=person("ada"), ground="legal_claims")
    return case


def test_the_certificate_of_an_ended_case_is_made_and_handed_out_in_the_language_that_was_chosen(signed_in):
    case, client = refused_case(), signed_in("olive", "intake")
    address = reverse("admin:erasure_case_certificate", args=[case.pk])
    html = page(client, case)
    assert f'action="{address}"' in html
    assert '<option value="de" selected lang="de">' in html
    answer = client.post(address, {"language": "en-gb"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="certificate-{case.reference}.pdf"'
    assert Event.objects.get(action="certificate.issued").details["language"] == "en-gb"
    assert f"certificate-{case.reference}.pdf" in page(client, case)
    assert client.get(reverse("admin:erasure_evidence_changelist")).status_code == 200
    kept = case.evidence.get()
    assert client.get(reverse("admin:erasure_evidence_change", args=[kept.pk])).status_code == 200


def test_a_case_that_goes_on_offers_no_certificate_and_says_why_not(signed_in):
    case, client = opened_case(), signed_in("olive", "intake")
    address = reverse("admin:erasure_case_certificate", args=[case.pk])
    assert address not in page(client, case)
    answer = client.post(address)
    assert told(answer) == ["A certificate tells how a case has ended, and this one goes on. Nothing was made."]
    assert client.get(address).url == reverse("admin:erasure_case_change", args=[case.pk])
    assert client.put(address).status_code == 405
