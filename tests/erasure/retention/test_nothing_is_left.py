"""After the destruction, nothing of the person is found anywhere, as it was typed or in another spelling; and the
trail verifies, with the stand-alone verifier, as if nothing had happened."""

import base64
import hashlib
import io
import json
import logging
import pickle
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from compliance.audit import bundle, verify
from compliance.audit.models import Event
from compliance.vault.models import DataKey
from compliance.vault.seal import fingerprint
from erasure import evidence, imports, intake, letters, lifecycle, retention
from erasure.models import Case, Identifier, ImportRow, Letter, SubTask
from erasure.normalise import normalise
from erasure.reports.certificate import issue
from erasure.reports.pack import export_pack
from erasure.retention.destroying import sealed_fields
from tests.erasure.api.conftest import as_account
from tests.erasure.imports.made import requests
from tests.erasure.worker.conftest import lane  # noqa: F401 - a fixture
from tests.erasure.worker.lane import Lane
from tests.erasure.worker.test_asking_again import run_to_the_end
from tests.factories import approve, found, person, vendor, work

from .made import anew

MONTH = 30 * 86_400
PERSON = {
    "customer id": "C-Zq7xkVb3w-1001",
    "e-mail": "Zq7xkVb3w.Lovelace@example.org",
    "visitor id": "7a71eec0-ffee-4c0d-9a1f-2b6e7d8c9f17",
    "late identifier": "late-Zq7xkVb3w-3003",
    "found identifier": "found-Zq7xkVb3w@example.org",
    "name": "Augusta Zq7xkVb3w King",
    "reply address": "reply-Zq7xkVb3w@example.org",
    "external id": "crm-Zq7xkVb3w-991",
    "note": "Her dog is named Zq7xkVb3w, and she rang twice.",
    "revealing": "Zq7xkVb3w asked me on the phone",
    "recipient": "Doctor Zq7xkVb3w Byron",
    "letter": "Dear Zq7xkVb3w, your hat is forgotten",
    "evidence": "Zq7xkVb3w has bought a hat",
    "identity": "a picture of the passport of Zq7xkVb3w",
}
MARK = "Zq7xkVb3w"  # so long that no megabyte of ciphertext holds it by chance


FILES = ("evidence", "identity")  # what is in a file: the trail keeps its hash for good


def spellings(name: str) -> set[bytes]:
    """How a value could lie somewhere: as it is, in another case, encoded (base64 at any offset), or hashed."""
    text = PERSON[name]
    forms = {text, text.lower(), text.upper(), text.casefold(), text.replace("-", "")}
    raw = {form.encode() for form in forms} | {
        form.encode(code) for form in forms for code in ("utf-16-le", "utf-16-be")
    }
    base = {base64.b64encode(b"\0" * pad + one)[4 if pad else 0 : -4] for one in raw for pad in range(3)}
    hashed = {hashlib.sha256(form.encode()).hexdigest().encode() for form in forms}
    if name in FILES:
        hashed = set()
    return raw | {one.hex().encode() for one in raw} | {one for one in base if len(one) > 8} | hashed


def tables() -> dict[str, bytes]:
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            cells = [cell for row in cursor.fetchall() for cell in row]
            found[f"table {table}"] = b"\n".join(
                bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in cells
            )
    return found


def files(*folders: Path) -> dict[str, bytes]:
    found = {}
    for path in (path for folder in folders for path in Path(folder).rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".djcache":  # a pickled time, then a packed value
            packed = io.BytesIO(content)
            pickle.load(packed)
            content += zlib.decompress(packed.read())
        found[f"file {path}"] = str(path).encode() + b"\n" + content
    return found


def lived(lane: Lane, settings) -> Case:  # noqa: F811
    """A case with everything that a case can hold, at its end: carried out at a stand-in, which is asked again, and by
    hand; opened by an import; with letters, files, notes, revealed values and further recipients."""
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"
    olive, ada = person("olive", "intake"), person("ada", "approver")
    lane.save(options={"ask_again_after_seconds": MONTH, "visitor_key_from": ["visitor_id"]})
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", PERSON["customer id"]))
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    row = {
        "email": PERSON["e-mail"],
        "customer_id": PERSON["customer id"],
        "external_id": PERSON["external id"],
        "name": PERSON["name"],
        "reply_to": PERSON["reply address"],
    }
    kept = imports.upload(requests(row), by=olive, day_first=None)
    imports.accept(kept, submits=False)
    assert imports.carry_on(kept.pk)
    case = ImportRow.objects.get(outcome="opened").case
    lifecycle.add_note(case, by=olive, text=PERSON["note"])
    client = Client()
    client.force_login(person("root", is_superuser=True))
    client.post(reverse("admin:erasure_case_find"), {"text": PERSON["e-mail"]})
    client.post(reverse("admin:erasure_case_reveal", args=[case.pk]), {"reason": PERSON["revealing"]})
    given = {"kind": "visitor_id", "value": PERSON["visitor id"]}
    crm = as_account("crm")
    added = crm.post(f"/api/v1/cases/{case.reference}/identifiers/", given, headers={"Idempotency-Key": "one"})
    assert added.status_code == 200, added.content
    file = evidence.File("passport.png", PERSON["identity"].encode())
    lifecycle.check_identity(case, by=olive, method="document", result="proven", note=PERSON["note"], file=file)
    lifecycle.submit(case, by=olive)
    approve(case, by=ada)
    letters.send(case, "acknowledgement", by=olive, channel="email", subject=PERSON["letter"], body="{name}")
    letters.look_after(run=lambda send: send())
    intake.add_identifier(case, by=olive, kind="customer_id", value=PERSON["late identifier"])
    approve(case, by=person("ida", "approver"))
    (further,) = found(case, ("email", PERSON["found identifier"]))
    lifecycle.decide(case, by=olive, accept=[], dismiss=[further.pk], note=PERSON["note"])
    photo = evidence.File("shelf.png", PERSON["evidence"].encode())
    lifecycle.attest(work(case, "Paper archive"), by=olive, note=PERSON["note"], file=photo)
    for sub_task in case.sub_tasks.filter(vendor=lane.vendor, follows=None):
        run_to_the_end(lane, sub_task)
    recipient = lifecycle.add_recipient(case, by=olive, name=PERSON["recipient"])
    lifecycle.told_recipient(case, by=olive, recipient=str(recipient.pk), channel="letter", note=PERSON["note"])
    letters.send(anew(case), "completion", by=olive, channel="email", subject=PERSON["letter"], body="{name}")
    letters.look_after(run=lambda send: send())
    issue(anew(case), by=olive)
    return anew(case)


def secrets_of(case: Case) -> dict[str, bytes]:
    """What stands for the person without being readable: keyed marks, and everything that is sealed."""
    marks = {
        f"fingerprint of {item.kind}": fingerprint(item.kind, normalise(item.kind, item.value()).match).encode()
        for item in case.identifiers.all()
    }
    marks["mark of the external id"] = case.external_id_fingerprint.encode()
    marks["mark of the imported row"] = ImportRow.objects.get(case=case).mark.encode()
    for model, column, names in sealed_fields():
        for row in model._default_manager.filter(**{column: case.pk}):
            for name in names:
                if sealed := getattr(row, name):
                    marks[f"{model.__name__}.{name} {row.pk}"] = bytes(sealed)
    keys = DataKey.objects.filter(pk__in=[case.data_key_id, *case.evidence.values_list("data_key", flat=True)])
    marks |= {f"data key {key.pk}": bytes(key.wrapped) for key in keys if key.wrapped}
    assert all(marks.values())
    return marks


@pytest.mark.django_db(transaction=True)
def test_no_identifier_name_or_note_is_found_anywhere_and_the_trail_verifies(
    lane: Lane,  # noqa: F811
    settings,
    tmp_path: Path,
    caplog,
    capfd,
) -> None:
    caplog.set_level(logging.INFO)  # the desk logs warnings of others and no less
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    case = lived(lane, settings)
    assert case.status == "completed" and case.replied_at, "it is at its end"
    assert case.identifiers.count() == 5 and Letter.objects.count() == 2
    assert {"export", "identity", "attestation", "letter", "certificate"} <= set(
        case.evidence.values_list("kind", flat=True)
    )
    secrets = secrets_of(case)
    own = [item for item in case.evidence.all() if not item.removed_at]
    kept = {item.pk: evidence.path_of(item).read_bytes() for item in own}
    before = Event.objects.filter(case=case.reference).count()
    assert SubTask.objects.filter(follows__isnull=False, status="waiting").exists()

    retention.ask(case, by=person("olive"), reason="person_asks", note=PERSON["note"])
    retention.approve(anew(case), by=person("ada"))
    case = anew(case)

    retention.wipe()
    places = tables() | files(settings.EVIDENCE_DIR, settings.DATA_DIR) | exports(case, tmp_path)
    places["queue"] = str([message.task for message in OrmQ.objects.all()]).encode()
    captured = capfd.readouterr()
    places["log"] = caplog.text.encode()
    places["output"] = (captured.out + captured.err).encode()

    assert case.reference.encode() in places["table erasure_case"], "the tables are read"
    assert b"case.shredded" in places["trail.csv"], "the exports are read"
    leaks = [
        f"{name} in {place}"
        for place, content in places.items()
        for name in PERSON
        if any(spelling in content for spelling in spellings(name))
    ]
    leaks += [
        f"{name} in {place}" for place, content in places.items() for name, mark in secrets.items() if mark in content
    ]
    leaks += [
        f"file {pk} in {place}" for place, content in places.items() for pk, held in kept.items() if held in content
    ]
    assert leaks == [], "\n".join(leaks)
    assert not [place for place, content in places.items() if MARK.lower().encode() in content.lower()]

    assert not list(Path(settings.EVIDENCE_DIR).rglob("*.sealed"))
    assert Identifier.objects.filter(case=case).count() == 5, "what was done for which stays"
    stopped = SubTask.objects.filter(follows__isnull=False).values_list("status", "reason")
    assert set(stopped) == {("stopped", "shredded")}, "no vendor is asked once more"
    assert Event.objects.filter(case=case.reference).count() > before


def exports(case: Case, folder: Path) -> dict[str, bytes]:
    """What leaves the desk after it: the trail, which the stand-alone verifier takes, the register, and the regulator
    pack, unpacked."""
    key = folder / "key.txt"
    key.write_text(bundle.public_keys())
    for form in ("csv", "jsonl"):
        file = folder / f"trail.{form}"
        call_command("export_audit", "--case", case.reference, "--format", form, "--out", str(file))
        command = [sys.executable, "-I", verify.__file__, str(file), "--public-key", str(key)]
        done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
    call_command("export_register", "--out", str(folder / "register.csv"))
    found = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()}
    pack = zipfile.ZipFile(io.BytesIO(export_pack(case, actor="user:1").content))
    found |= {f"pack {name}": pack.read(name) for name in pack.namelist()}
    api = as_account("crm").get(f"/api/v1/cases/{case.reference}/")
    assert json.loads(api.content)["shredded_at"]
    found["api"] = api.content
    client = Client()
    client.force_login(person("root", is_superuser=True))
    page = client.get(reverse("admin:erasure_case_change", args=[case.pk]))
    assert page.status_code == 200
    found["page"] = page.content
    return found


def test_every_sealed_field_of_a_case_is_known_to_the_destruction() -> None:
    """A model that seals something of a case is found by itself, so that none is forgotten."""
    found = {f"{model.__name__}.{name}" for model, _column, names in sealed_fields() for name in names}
    assert found == {
        *("Case.requester_sealed", "Case.external_id_sealed", "Identifier.value_sealed", "Note.text_sealed"),
        *("SubTask.memory_sealed", "Letter.mail_sealed", "Recipient.name_sealed"),
    }


def test_the_marks_are_looked_for_in_every_spelling() -> None:
    text = PERSON["name"]
    for hidden in (
        base64.b64encode(f"x{text}".encode()),
        base64.b64encode(f"xy{text}".encode()),
        text.encode().hex().encode(),
        text.encode("utf-16"),
        text.upper().encode(),
    ):
        assert any(spelling in hidden for spelling in spellings("name")), hidden
