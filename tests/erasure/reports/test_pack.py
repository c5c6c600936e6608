"""The regulator pack: read, checked and passed on by somebody who has nothing else of the desk."""

import hashlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from compliance import clock
from compliance.audit import seal
from compliance.audit.models import Anchor, Checkpoint, Event
from compliance.audit.record import record
from compliance.vault import seal as vault
from erasure import lifecycle
from erasure.errors import Conflict
from erasure.evidence import File
from erasure.models import Case, Identifier, Vendor
from erasure.reports import pack
from erasure.reports.pack import export_pack
from erasure.reports.trail_proof import COMMAND
from tests.desk import Desk
from tests.erasure.reports.conftest import furthest_right, sealed_events, streams_of, text_of
from tests.factories import approved_case, found, opened_case, person, vendor, work

FILES = {
    "READ-ME.html",
    "READ-ME.txt",
    "audit-key.txt",
    "case.pdf",
    "trail.csv",
    "trail.csv.checkpoint",
    "trail.csv.leaves",
    "trail.csv.proofs.json",
    "verify.py",
}
MARK = "Zq7xkVb3w"
PRIVATE = [
    f"{MARK}.lovelace@example.org",
    f"{MARK}-customer-4711",
    f"{MARK}-found@example.org",
    f"Ada {MARK} Lovelace",
    f"{MARK} has bought a hat",
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    """One with personal data wherever it takes some, on its way."""
    vendor()
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    vendor("CDP", "acquia")
    case = approved_case(
        identifiers=[("email", PRIVATE[0]), ("customer_id", PRIVATE[1])],
        requester={"name": PRIVATE[3], "reply_to": PRIVATE[0], "acting_for": PRIVATE[3]},
        external_id=PRIVATE[1],
        note=PRIVATE[4],
    )
    (item,) = found(case, ("email", PRIVATE[2]), by="CDP")
    lifecycle.decide(case, by=person("olive"), accept=[], dismiss=[item.pk], note=PRIVATE[4])
    file = File(f"{PRIVATE[3]}.pdf", PRIVATE[4].encode())
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note=PRIVATE[4], file=file)
    lifecycle.reply(case, by=person("ada"), channel="email", note=PRIVATE[4])
    return case


def made(case: Case) -> bytes:
    return export_pack(case, actor="user:1").content


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What somebody sees who follows the pack's own words, with a Python that has no project in reach."""
    command = [sys.executable, *shlex.split(COMMAND)[1:]]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, timeout=60)


# --- read and checked -------------------------------------------------------------------------------------------------


def test_it_holds_all_that_its_own_page_names(case: Case) -> None:
    exported = export_pack(case, actor="user:1")
    files = files_of(exported.content)
    assert exported.name == f"{case.reference}-pack.zip"
    assert set(files) == FILES
    page = files["READ-ME.html"].decode()
    for name in FILES - {"READ-ME.html"}:
        assert f"<code>{name}</code>" in page or f'href="{name}"' in page, name
    plain = files["READ-ME.txt"].decode()
    for text in (page, plain):
        assert COMMAND in text
        assert f"export_audit --case {case.reference} --consistent-with SIZE" in " ".join(text.split())
    assert "case.pdf\n      The request and how it was handled" in plain
    assert not re.search(r"<script|<link|\bsrc=|https?://", page)


def test_an_auditor_checks_it_with_bare_python_in_an_empty_folder(case: Case, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made(case))) as archive:
        archive.extractall(tmp_path)
    found = checked(tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    table = tmp_path / "trail.csv"
    table.write_bytes(table.read_bytes().replace(b"case.replied", b"case.rejected", 1))
    found = checked(tmp_path)
    assert found.returncode == 1
    assert "row" in found.stdout + found.stderr


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (poppler-utils)")
def test_nothing_in_the_document_runs_out_of_the_page(case: Case) -> None:
    work(case).identifiers.update(reference="b39f0eff-2f67-4dc1-8c1a-9a9ad4c1b2ef")
    long = person("ada")
    long.username = "longest_name_that_an_account_may_have" * 4
    long.save()
    Vendor.objects.filter(slug="shop-search").update(name="VendorsNameInOneWord" * 5)
    content = files_of(made(case))["case.pdf"]
    assert furthest_right(content) < (210 - 19.9) * 72 / 25.4
    assert "Plan version 1 approved" in text_of(content), "a long name leaves room for what happened"


def test_the_document_names_the_checkpoint_that_is_beside_it(case: Case) -> None:
    files = files_of(made(case))
    log, size, *_rest = files["trail.csv.checkpoint"].decode().splitlines()
    told = text_of(files["case.pdf"])
    checkpoint = Checkpoint.objects.get(size=int(size))
    for word in (case.reference, log, checkpoint.root, f"{size} events, sealed", COMMAND):
        assert word in told, word
    assert files["trail.csv"].decode().count("\n") == 1 + Event.objects.filter(case=case.reference).count()


@pytest.mark.parametrize("state", ["draft", "awaiting approval", "rejected", "cancelled"])
def test_a_case_in_any_state_has_one(case: Case, state: str, tmp_path: Path) -> None:
    other = opened_case(submit=state in ("awaiting approval", "rejected"))
    if state == "rejected":
        lifecycle.reject(other, by=person("ada"), ground="unfounded")
    if state == "cancelled":
        lifecycle.cancel(other, by=person("ada"), reason="mistaken")
    with zipfile.ZipFile(io.BytesIO(made(other))) as archive:
        archive.extractall(tmp_path)
    assert checked(tmp_path).returncode == 0
    assert f"Status\n{state}" in text_of((tmp_path / "case.pdf").read_bytes()).replace("Status ", "Status\n")


# --- nothing personal -------------------------------------------------------------------------------------------------


def test_nothing_personal_is_anywhere_in_it(case: Case) -> None:
    files = files_of(made(case))
    layers = [*files.values(), text_of(files["case.pdf"]).encode(), *streams_of(files["case.pdf"])]
    assert len(layers) > 20
    assert any(b"customer_id" in layer for layer in layers)
    for layer in layers:
        assert MARK.lower().encode() not in layer.lower()
        assert b"Lovelace" not in layer


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_it_is_the_same_whenever_it_is_made(
    case: Case, turn_clock: Callable[..., object], settings: Any, tmp_path: Path
) -> None:
    """Nothing that happens elsewhere changes it: time, other cases, anchors, a new signing key, a look at the case, the
    end of its personal data."""
    own = tmp_path / "signing.pem"
    own.write_bytes(Path(settings.AUDIT_SIGNING_KEY).read_bytes())
    settings.AUDIT_SIGNING_KEY = own
    before = made(case)
    turn_clock(timedelta(days=400))
    assert made(case) == before
    others = [opened_case() for _more in range(3)]
    seal.seal(wait=True)
    made(others[0])
    assert made(case) == before
    for size in Checkpoint.objects.values_list("size", flat=True):
        Anchor.objects.create(size=size, place="elsewhere", at=clock.now())
    assert made(case) == before
    seal.rotate()
    assert made(case) == before
    vault.destroy(case.data_key)
    for item in case.identifiers.all():
        Identifier.objects.filter(pk=item.pk).update(fingerprint=f"gone-{item.pk}", value_sealed=None)
    Case.objects.filter(pk=case.pk).update(requester_sealed=None, external_id_fingerprint="")
    assert made(case) == before


def test_it_is_pinned_to_the_first_checkpoint_that_holds_the_whole_case(case: Case) -> None:
    seal.seal(wait=True)
    size = Checkpoint.objects.latest().size
    for _more in range(2):
        opened_case()
        seal.seal(wait=True)
    assert files_of(made(case))["trail.csv.checkpoint"].decode().splitlines()[1] == str(size)
    lifecycle.add_note(case, by=person("ada"), text="more")
    assert int(files_of(made(case))["trail.csv.checkpoint"].decode().splitlines()[1]) > size


@pytest.mark.slow
def test_it_is_the_same_from_another_process_in_another_zone_and_language(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        reference = desk.run("vendor(); result = approved_case().reference", "from tests.factories import *")
        packs = set()
        for number, zone in enumerate(("UTC", "Asia/Tokyo")):
            out = tmp_path / f"{number}.zip"
            desk.environment |= {"TZ": zone, "LC_ALL": ("C.UTF-8", "C")[number], "PYTHONHASHSEED": str(number)}
            desk.manage("export_pack", reference, "--out", str(out))
            packs.add(out.read_bytes())
        assert len(packs) == 1


# --- on record, or refused --------------------------------------------------------------------------------------------


def test_who_got_it_is_on_record_and_not_in_the_case(case: Case) -> None:
    of_case = len(sealed_events(case))
    content = export_pack(case, actor="user:7").content
    event = Event.objects.get(action="audit.exported")
    assert (event.actor, event.case, event.subject) == ("user:7", "", f"case:{case.reference}")
    size = Checkpoint.objects.order_by("size").last().size
    told = {"format": "pack", "count": of_case, "size": size, "sha256": hashlib.sha256(content).hexdigest()}
    assert event.details == told
    assert Event.objects.filter(case=case.reference).count() == of_case


def test_without_a_seal_there_is_no_pack(case: Case, settings: Any, tmp_path: Path) -> None:
    seal.seal(wait=True)
    lifecycle.add_note(case, by=person("ada"), text="more")
    settings.AUDIT_SIGNING_KEY = tmp_path / "missing.pem"
    with pytest.raises(Conflict, match="could not be sealed") as refusal:
        export_pack(case, actor="user:1")
    assert refusal.value.code == "not_sealed"
    assert not Event.objects.filter(action="audit.exported").exists()


def _while_it_is_made(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    zipped = pack._zip

    def meanwhile(*args: Any) -> bytes:
        content = zipped(*args)
        happens()
        return content

    monkeypatch.setattr(pack, "_zip", meanwhile)


def test_what_happens_to_the_case_while_it_is_made_is_in_it(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    happens = iter([lambda: lifecycle.hold(case, by=person("ada"))])
    _while_it_is_made(monkeypatch, lambda: next(happens, lambda: None)())
    files = files_of(made(case))
    assert "case.held" in files["trail.csv"].decode()
    assert "It has been on hold since" in text_of(files["case.pdf"])


def test_a_case_that_does_not_hold_still_has_no_pack_now(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    _while_it_is_made(monkeypatch, lambda: lifecycle.add_note(case, by=person("ada"), text="more"))
    with pytest.raises(Conflict) as refusal:
        export_pack(case, actor="user:1")
    assert refusal.value.code == "changed"
    assert not Event.objects.filter(action="audit.exported").exists()


def test_a_look_at_another_case_changes_nothing(case: Case) -> None:
    before = made(case)
    with transaction.atomic():
        record("audit.exported", actor="user:1", subject=f"case:{case.reference}", format="csv", count=1)
    assert made(case) == before
