"""What the desk really exports, before the verifier as an auditor runs it: a copy in an empty folder, bare Python."""

import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from compliance.audit import bundle, seal, signing, verify
from compliance.audit.export import Selection, count
from compliance.audit.models import Checkpoint

from .bulk import bulk_events, bulk_log

pytestmark = pytest.mark.django_db
FORMS = pytest.mark.parametrize("form", ["csv", "jsonl"])


@pytest.fixture(autouse=True)
def own_key(db, settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = tmp_path / "audit.key"
    signing.ensure()


@pytest.fixture
def desk(tmp_path) -> "Desk":
    """A log of 600 events and more, sealed at three sizes, under the cases DSR-2026-000000 to -000049."""
    for events in (100, 250, 270):
        bulk_log(events)
    return Desk(tmp_path)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "trail"

    def command(self, *arguments: object) -> str:
        out, err = io.StringIO(), io.StringIO()
        call_command(*map(str, arguments), stdout=out, stderr=err)
        return out.getvalue()

    def export(self, *arguments: object) -> Path:
        self.command("export_audit", "--out", self.file, *arguments)
        return self.file

    def key(self) -> Path:
        path = self.folder / "key"
        path.write_text(self.command("audit_key"))
        return path

    def kept(self, checkpoint: Checkpoint) -> Path:
        path = self.folder / f"kept-{checkpoint.size}"
        path.write_text(checkpoint.note)
        return path

    def check(self, file: Path, *arguments: object) -> tuple[int, str]:
        alone = self.folder / "alone"
        alone.mkdir(exist_ok=True)
        shutil.copy(verify.__file__, alone)
        return bare(alone, file, *arguments)


def bare(folder: Path, *arguments: object) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *map(str, arguments)],
        cwd=folder,
        env={},
        capture_output=True,
        encoding="ascii",
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@FORMS
def test_the_whole_log_is_in_order_and_continues_every_checkpoint(desk, form):
    file, key = desk.export("--format", form), desk.key()
    size = seal.newest().size
    assert not Path(f"{file}.proofs.json").exists()
    for checkpoint in Checkpoint.objects.all():
        status, said = desk.check(file, "--public-key", key, "--checkpoint", desk.kept(checkpoint))
        assert (status, f"They are the whole log of {size} events" in said) == (0, True), said
        assert f"The log begins with the {checkpoint.size} events of the earlier checkpoint." in said


@FORMS
@pytest.mark.parametrize(
    "part",
    [
        {"case": "DSR-2026-000007"},
        {"actor": "user:3"},
        {"after_index": 600},
        {"case": "DSR-2026-000007", "after_index": 100},
        {"action": "staff.signed_in", "actor": "user:5"},
    ],
)
def test_a_part_is_in_order_and_continues_the_checkpoint_that_was_asked_for(desk, form, part):
    first = Checkpoint.objects.earliest("size")
    kept, key = desk.kept(first), desk.key()
    options = [word for name, value in part.items() for word in (f"--{name.replace('_', '-')}", value)]
    file = desk.export("--format", form, *options, "--consistent-with", kept)
    rows = count(Selection(**part), seal.newest().size)
    status, said = desk.check(file, "--public-key", key, "--checkpoint", kept)
    assert (status, said.startswith(f"{rows} rows: ")) == (0, True), said
    assert f"The log begins with the {first.size} events of the earlier checkpoint." in said
    assert "That none is missing from this part is not shown." in said
    assert rows >= 10


def test_the_whole_and_a_part_with_a_byte_order_mark_are_in_order(desk):
    for options in ([], ["--case", "DSR-2026-000007"]):
        file = desk.export("--bom", *options)
        assert file.read_bytes().startswith(b"\xef\xbb\xbf")
        assert desk.check(file, "--public-key", desk.key())[0] == 0


def test_rows_that_are_not_sealed_yet_are_told_apart(desk, settings):
    key = desk.key()
    bulk_events(3)
    Path(settings.AUDIT_SIGNING_KEY).rename(desk.folder / "elsewhere")  # so that they cannot be sealed
    status, said = desk.check(desk.export(), "--public-key", key)
    assert (status, "\n3 are not sealed yet, so a missing row cannot be noticed" in said) == (0, True)


def csv_lines(text: str) -> list[str]:
    return text.split("\r\n")


def without(at: int) -> Callable[[str], str]:
    return lambda text: "\r\n".join(line for number, line in enumerate(csv_lines(text)) if number != at)


def swapped(at: int) -> Callable[[str], str]:
    def swap(text: str) -> str:
        lines = csv_lines(text)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        return "\r\n".join(lines)

    return swap


@pytest.mark.parametrize("part", [[], ["--case", "DSR-2026-000007"]], ids=["whole", "case"])
@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (without(5), "row 5 .*comes next"),
        (swapped(5), "row 5 .*comes next"),
        (lambda text: text.replace("start_export", "start_imports", 1), "row 1 .*leaf_hash is not the hash"),
        (lambda text: text.replace(",DSR-2026-000007,", ",DSR-2026-000008,", 1), "row .*the cell case says"),
        (lambda text: text[: text.rindex("\r\n", 0, -2) + 2], "rows end before index"),
    ],
    ids=["delete", "swap", "flip", "cell", "truncate"],
)
def test_a_real_export_that_was_tampered_with_is_refused(desk, tamper, reason, part):
    file = desk.export(*part)
    file.write_bytes(tamper(file.read_bytes().decode()).encode())
    status, said = desk.check(file, "--public-key", desk.key())
    assert status == 1
    assert re.search(reason, said), said


def test_the_key_is_rotated_and_old_and_new_exports_stay_checkable(desk):
    old, old_key = desk.export().rename(desk.folder / "old"), desk.key()
    Path(f"{desk.file}.checkpoint").rename(f"{old}.checkpoint")
    kept = desk.kept(seal.newest())
    desk.command("audit_key", "--rotate")
    bulk_log(5)
    new, new_key = desk.export(), desk.folder / "new-key"
    new_key.write_text(desk.command("audit_key"))
    every_key = desk.folder / "every-key"
    every_key.write_text(desk.command("audit_key", "--all"))
    assert desk.check(old, "--public-key", old_key)[0] == 0
    assert desk.check(new, "--public-key", new_key)[0] == 0
    assert desk.check(old, "--public-key", new_key)[0] == 1
    assert desk.check(new, "--public-key", old_key)[0] == 1
    assert desk.check(old, "--public-key", every_key)[0] == 0
    assert desk.check(new, "--public-key", every_key, "--checkpoint", kept)[0] == 0


@FORMS
@pytest.mark.parametrize("selection", [Selection(), Selection(case="DSR-2026-000007")], ids=["whole", "case"])
def test_the_zip_unpacked_is_checked_by_the_verifier_in_it(desk, form, selection, tmp_path):
    earliest = Checkpoint.objects.earliest("size")
    content = b"".join(bundle.zip_stream(selection, seal.newest(), form=form, cuts=[earliest.size]))
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    status, said = bare(folder, f"trail.{form}", "--public-key", "audit-key.txt", "--checkpoint", desk.kept(earliest))
    assert (status, "The checkpoint is signed with the key" in said) == (0, True), said
    assert ("They are the whole log" in said) == selection.whole
