"""A case's whole life, from receipt to the destruction of its personal data: it is all in the trail, and the trail
proves the certificate.

What checks it is the verifier alone, with a bare Python and the files of an export."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from compliance import clock
from compliance.audit import bundle, verify
from compliance.vault.seal import Unreadable
from erasure import evidence, lifecycle, retention
from erasure.models import Case, SubTask
from erasure.reports.certificate import issue
from tests.erasure.worker.conftest import lane  # noqa: F401 - a fixture
from tests.erasure.worker.lane import Lane
from tests.erasure.worker.test_asking_again import run_to_the_end
from tests.factories import approve, opened_case, person, vendor, work
from tests.trail import trail_can_be_emptied  # noqa: F401

MONTH = 30 * 86_400

#: What the trail tells of it, in this order, among more.
LIFE = (
    *("case.opened", "plan.drawn", "case.submitted", "case.acknowledged", "case.asked", "case.answered"),
    *("case.identity_checked", "case.extended", "case.vendor_refused", "plan.redrawn", "case.approved"),
    *("sub_task.stopped", "sub_task.ready", "sub_task.sending", "sub_task.reference", "sub_task.went_on"),
    *("evidence.stored", "sub_task.done", "sub_task.asks_again", "case.closed", "case.replied"),
    *("recipient.added", "recipient.told", "sub_task.sending", "sub_task.asked_again"),
    *("evidence.stored", "certificate.issued"),
)


def lived(lane: Lane) -> Case:  # noqa: F811
    """A case that has been through everything, by three people: refused at one vendor, carried out at a stand-in for
    the other, which is asked again a month later."""
    olive, ada, ida = person("olive", "intake"), person("ada", "approver"), person("ida", "approver")
    now = clock.now()
    lane.save(options={"ask_again_after_seconds": MONTH})
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", "C-1001"))
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    case = opened_case(
        by=olive,
        submit=True,
        regime="uk_gdpr",
        received_at=now - timedelta(days=2),
        requester={"name": "Ada Lovelace", "language": "de"},
        identifiers=[("customer_id", "C-1001"), ("email", "ada@example.org")],
    )
    lane.apptus.clock.advance(3)
    lifecycle.acknowledge(case, by=olive, channel="email")
    lifecycle.ask(case, by=olive, reason="identity", channel="email")
    lifecycle.answered(case, by=olive, reason="identity")
    lifecycle.check_identity(case, by=olive, method="contact", result="proven", note="She answered from her address.")
    lifecycle.extend(case, by=olive, reason="complexity", channel="email", note="Five years of orders.")
    lifecycle.refuse_work(work(case, "Paper archive"), by=ada, ground="legal_obligation", note="Ten years.")
    approve(case, by=ida)
    shop = work(case)
    run_to_the_end(lane, shop)
    lifecycle.reply(case, by=olive, channel="email")
    auditor = lifecycle.add_recipient(case, by=olive, name="An auditor")
    lifecycle.told_recipient(case, by=olive, recipient=str(auditor.pk), channel="letter")
    run_to_the_end(lane, SubTask.objects.get(follows=shop))
    return Case.objects.get(pk=case.pk)


def exported(case: Case, folder: Path) -> list[dict[str, str]]:
    """The rows of an export of the case, once the verifier has taken it."""
    file, key = folder / "trail.csv", folder / "key.txt"
    call_command("export_audit", "--case", case.reference, "--out", str(file))
    key.write_text(bundle.public_keys())
    command = [sys.executable, "-I", verify.__file__, str(file), "--public-key", str(key)]
    done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return list(csv.DictReader(io.StringIO(file.read_text())))


def test_all_of_it_is_in_the_trail_which_proves_the_certificate(
    lane: Lane,  # noqa: F811
    tmp_path: Path,
) -> None:
    case = lived(lane)
    assert (case.status, work(case).assurance) == ("partly_completed", "asked_again")
    made = issue(case, by=person("olive"))
    rows = exported(case, tmp_path)

    told = iter(row["action"] for row in rows)
    for action in LIFE:
        assert action in told, f"{action} is missing, or not where it should be"
    assert all(row["index"] for row in rows), "all of it is sealed"

    assert made.content.startswith(b"%PDF")
    assert sha256_told(rows) == hashlib.sha256(made.content).hexdigest()

    assert retention.shred(case, actor="system:retention", why="time_over")
    with pytest.raises(Unreadable):
        Case.objects.get(pk=case.pk).unseal("requester")
    assert not evidence.path_of(case.evidence.get(kind="certificate")).exists()
    (tmp_path / "later").mkdir()
    rows = exported(case, tmp_path / "later")
    assert rows[-1]["action"] == "case.shredded"
    assert sha256_told(rows) == hashlib.sha256(made.content).hexdigest(), "what the person holds still proves itself"


def sha256_told(rows: list[dict[str, str]]) -> str:
    """The hash that the trail knows the certificate by."""
    (row,) = [row for row in rows if row["action"] == "certificate.issued"]
    return str(json.loads(row["canonical"])["details"]["sha256"])
