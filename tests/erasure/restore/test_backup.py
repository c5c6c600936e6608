"""`manage.py backup`: whole or not there, and of one moment."""

import json
import os
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from compliance.audit import seal
from compliance.audit.models import Event
from compliance.vault import rotation
from erasure import backup, evidence
from erasure.backup import files, snapshot
from erasure.models import Case, Evidence
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def made(folder: Path, *options: str) -> dict[str, Any]:
    call_command("backup", str(folder), *options, stdout=StringIO())
    return dict(json.loads((folder / "manifest.json").read_text()))


def case_with_evidence() -> tuple[Case, Evidence]:
    factories.vendor()
    case = factories.opened_case()
    return case, added(case)


def added(case: Case) -> Evidence:
    with transaction.atomic():
        return evidence.add(case, by=case.opened_by, name="a.pdf", content=b"%PDF")


def copied_to(folder: Path, kept: Evidence) -> Path:
    return folder / "evidence" / str(kept.case_id) / evidence.path_of(kept).name


def test_it_holds_the_database_the_evidence_and_what_it_is_of(tmp_path: Path) -> None:
    _case, kept = case_with_evidence()
    seal.seal()
    newest = seal.newest()
    assert newest
    facts = made(tmp_path / "new")
    assert (facts["tree_size"], facts["root"]) == (newest.size, newest.root)
    assert facts["counts"]["erasure_case"] == facts["evidence"] == 1
    assert copied_to(tmp_path / "new", kept).read_bytes() == evidence.path_of(kept).read_bytes()
    assert facts["sha256"]["database"] == files.sha256(tmp_path / "new" / facts["database"])


def test_its_sums_can_be_checked_and_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    case_with_evidence()
    made(tmp_path / "new")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "new", check=True)
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_its_database_opens_and_has_the_case(tmp_path: Path) -> None:
    case, _kept = case_with_evidence()
    file = tmp_path / "new" / made(tmp_path / "new")["database"]
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(file)) as copy:
            assert copy.execute("SELECT reference FROM erasure_case").fetchall() == [(case.reference,)]
    else:
        shown = subprocess.run(
            ["pg_restore", "--data-only", "--table=erasure_case", "--file=-", str(file)],
            check=True,
            capture_output=True,
            text=True,
        )
        assert case.reference in shown.stdout


def test_an_event_tells_of_it_and_of_no_folder(tmp_path: Path) -> None:
    case_with_evidence()
    assert backup.last_backup() is None
    made(tmp_path / "new")
    event = Event.objects.get(action="desk.backed_up")
    assert event.at == backup.last_backup()
    assert event.details["evidence"] == 1
    assert str(tmp_path) not in event.canonical


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    with pytest.raises(CommandError, match="not an empty folder") as refused:
        made(tmp_path)
    assert refused.value.returncode == 2
    assert not Event.objects.filter(action="desk.backed_up").exists()


@pytest.mark.parametrize("keys", ["backup", "backup/keys", "."])
def test_keys_are_never_put_beside_the_database(tmp_path: Path, keys: str) -> None:
    with pytest.raises(CommandError, match="kept apart") as refused:
        made(tmp_path / "backup", "--keys", str(tmp_path / keys))
    assert refused.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_no_key_is_in_it_and_all_are_in_their_own_folder(tmp_path: Path, settings: Any) -> None:
    case_with_evidence()
    seal.seal()
    made(tmp_path / "new", "--keys", str(tmp_path / "apart"))
    names = {path.name for path in (tmp_path / "apart").iterdir()}
    assert {Path(settings.KEY_RING).name, Path(settings.AUDIT_SIGNING_KEY).name} <= names
    assert "sealed.json" not in names, "put back with an old database, it would not tell that it is old"
    assert not names & {path.name for path in (tmp_path / "new").rglob("*")}


def test_what_is_not_finished_does_not_bear_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case_with_evidence()
    seen = []

    def fails(*_given: Any) -> Any:
        seen.extend(path.name for path in tmp_path.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "copy", fails)
    with pytest.raises(CommandError, match=r"No space left on device\. No backup was made"):
        made(tmp_path / "new")
    (name,) = seen
    assert name.startswith("new.unfinished-")
    assert list(tmp_path.iterdir()) == []


def test_evidence_that_goes_after_the_snapshot_is_missing_by_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _case, kept = case_with_evidence()

    def expires_first(source: Path, target: Path) -> None:
        Evidence.objects.filter(pk=kept.pk).update(removed_at=kept.created_at)
        raise FileNotFoundError

    monkeypatch.setattr(files, "copy", expires_first)
    assert made(tmp_path / "new")["evidence_missing"] == []


def test_evidence_that_the_desk_lacks_itself_is_said(tmp_path: Path) -> None:
    _case, kept = case_with_evidence()
    evidence.path_of(kept).unlink()
    with pytest.raises(CommandError, match="The backup is made"):
        made(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "manifest.json").read_text())["evidence_missing"] == [str(kept.pk)]


def test_one_whose_ring_key_is_destroyed_while_it_is_made_is_none(
    own_ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_with_evidence()
    folder, kept = tmp_path / "backups" / "new", tmp_path / "safe" / "keys"
    real = files.copy_evidence

    def copy(*told: Any) -> Any:
        rotation.rotate(actor="system:command")
        assert rotation.retire(actor="system:command")
        return real(*told)

    with monkeypatch.context() as patched:
        patched.setattr(files, "copy_evidence", copy)
        with pytest.raises(CommandError, match="was destroyed while the backup was made"):
            made(folder, "--keys", str(kept))
    assert not any([*folder.parent.iterdir(), *kept.parent.iterdir()])
    made(folder, "--keys", str(kept))


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(tmp_path: Path) -> None:
    """Evidence of a row that comes after the snapshot is no part of it."""
    _case, kept = case_with_evidence()
    late: list[Evidence] = []

    def comes_late(done: int, part: float) -> None:
        if not late and done:
            case = Case.objects.select_related("data_key", "opened_by").get()
            late.append(added(case))

    backup.back_up(tmp_path / "new", progress=comes_late)
    assert copied_to(tmp_path / "new", kept).exists()
    assert late
    assert not copied_to(tmp_path / "new", late[0]).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's online backup")
def test_who_writes_all_the_while_keeps_no_backup_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.vendor()
    monkeypatch.setattr(snapshot, "PAGES", 50)
    rounds: list[float] = []

    def writes(_done: int, part: float) -> None:
        factories.person(f"person-{len(rounds)}")
        rounds.append(part)
        assert len(rounds) < 200, "it begins anew again and again"

    backup.back_up(tmp_path / "new", progress=writes)
    assert len(rounds) > 2
    with closing(sqlite3.connect(tmp_path / "new" / "database.sqlite3")) as copy:
        assert copy.execute("SELECT count(*) FROM staff_user WHERE username LIKE 'person-%'").fetchone() == (0,)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="pg_dump is PostgreSQL's")
class TestPostgresql:
    def test_without_pg_dump_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CommandError, match=r"pg_dump is not on the PATH.*No backup was made"):
            made(tmp_path / "new")

    def test_the_password_stands_in_no_command_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        said = tmp_path / "said"
        program = tmp_path / "bin" / "pg_dump"
        program.parent.mkdir()
        lines = (
            f"#!{sys.executable}",
            "import os, sys",
            f"open({str(said)!r}, 'w').write(repr((sys.argv, os.environ.get('PGPASSWORD'))))",
            "sys.exit('no')",
        )
        program.write_text("\n".join(lines))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        secret = uuid.uuid4().hex
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", secret)
        with pytest.raises(CommandError, match="pg_dump failed: no"):
            made(tmp_path / "new")
        arguments, _, given = said.read_text().rpartition(", ")
        assert secret not in arguments
        assert secret in given
