"""A day of auditing: what happened is looked up, exported, checked, and a case handed to an authority."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Download, expect

from compliance.audit.models import Event
from erasure import lifecycle
from erasure.evidence import File
from tests.browsing import people_at, unfold
from tests.factories import approved_case, person, vendor, work

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def verified(download: Download, folder: Path) -> set[str]:
    """The names in a zip whose trail its own verifier has checked, with bare Python."""
    folder.mkdir()
    with zipfile.ZipFile(download.path()) as archive:
        archive.extractall(folder)
        names = set(archive.namelist())
    (trail,) = folder.glob("*.csv")
    command = [sys.executable, "-I", "-S", "verify.py", trail.name, "--public-key", "audit-key.txt"]
    subprocess.run(command, cwd=folder, env={}, check=True, capture_output=True)
    return names


def test_an_auditor_looks_up_exports_and_checks_and_evidence_is_for_whoever_may(live_server, tmp_path):
    vendor("Paper archive", "manual")
    case = approved_case()
    picture = File("screen.png", b"a picture of the shredder")
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Shredded.", file=picture)
    approved_case()
    ann, ada = person("ann", "auditor"), person("ada")

    with people_at(live_server.url) as sign_in:
        page = sign_in("ann")
        page.get_by_role("link", name="Events").click()
        page.get_by_label("Case:").fill(case.reference)
        page.get_by_role("button", name="Search").click()
        actions = unfold(page.get_by_role("navigation", name="Filter"), "Action")
        actions.get_by_role("link", name="case.approved").click()
        expect(page.get_by_role("row")).to_have_count(2)
        expect(page.get_by_role("row").last).to_contain_text("Plan version 1 approved")
        page.get_by_role("link", name="Export…").click()
        expect(page.get_by_label("Case:")).to_have_value(case.reference)
        page.get_by_label("Action:").select_option("all")
        with page.expect_download() as trail:
            page.get_by_role("button", name="Export").click()
        page.get_by_role("link", name="Home").click()
        page.get_by_role("link", name="All cases").click()
        page.get_by_role("link", name=case.reference).click()
        kept = page.get_by_role("region", name="Evidence")
        expect(kept).to_contain_text("attestation-")
        expect(kept.get_by_role("button", name="Download")).to_have_count(0)
        with page.expect_download() as pack:
            page.get_by_role("button", name="Regulator pack").click()
        page.get_by_role("link", name="Who exported it").click()
        expect(page.get_by_role("row")).to_have_count(3)
        expect(page.get_by_role("row").nth(1)).to_contain_text("ann")
        assert "trail.csv" in verified(trail.value, tmp_path / "trail")
        assert {"case.pdf", "READ-ME.html"} <= verified(pack.value, tmp_path / "pack")

        page = sign_in("ada")
        page.get_by_role("link", name="All cases").click()
        page.get_by_role("link", name=case.reference).click()
        with page.expect_download() as file:
            kept_for_her = page.get_by_role("region", name="Evidence")
            kept_for_her.get_by_role("button", name="Download").click()
        expect(kept_for_her.get_by_role("button", name="Regulator pack")).to_have_count(0)
        assert file.value.path().read_bytes() == picture.content

    exported = Event.objects.filter(subject=f"case:{case.reference}", actor=f"user:{ann.pk}").order_by("id")
    assert [event.details["format"] for event in exported.filter(action="audit.exported")] == ["zip", "pack"]
    assert Event.objects.get(action="evidence.downloaded").actor == f"user:{ada.pk}"
