"""manage.py anchor_audit, as cron runs it and as an operator who has just written the settings."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from compliance import clock
from compliance.audit import anchor, seal
from compliance.audit.models import Anchor, Checkpoint, PendingEvent
from tests.server import Server, reply

from .authority import Authority, verified

Sealed = Callable[[], Checkpoint]


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("anchor_audit", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_it_seals_and_tells_of_each_place(settings: Any, folder: Path, tell: Callable[..., Any]) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    tell()
    said = run()
    assert not PendingEvent.objects.exists()
    newest = seal.newest()
    assert newest
    assert said == [f"file://{folder}: has checkpoint {newest.size}"]
    assert (folder / f"{newest.size}.checkpoint").read_text() == newest.note
    assert run() == said, "once more changes nothing"
    assert Anchor.objects.count() == 1


def test_one_place_that_fails_is_exit_1_and_the_others_have_it(
    settings: Any, folder: Path, sealed: Sealed, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_ANCHOR = ["file:///no/such/folder", f"file://{folder}"]
    size = sealed().size
    with pytest.raises(CommandError) as failed:
        call_command("anchor_audit")
    assert failed.value.returncode == 1
    assert str(failed.value) == "1 of 2 places have not taken the checkpoint."
    assert capsys.readouterr().out.splitlines() == [
        f"file:///no/such/folder: {size}.checkpoint: No such file or directory",
        f"file://{folder}: has checkpoint {size}",
    ]


def test_a_row_beyond_the_log_is_exit_1_although_the_place_has_the_checkpoint(
    settings: Any, folder: Path, sealed: Sealed, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    size = sealed().size
    Anchor.objects.create(place=f"file://{folder}", size=10**9, at=clock.now())
    with pytest.raises(CommandError, match=f"^file://{folder}: The log is shorter than the 1000000000 events"):
        call_command("anchor_audit")
    assert capsys.readouterr().out.splitlines() == [f"file://{folder}: has checkpoint {size}"]
    assert (folder / f"{size}.checkpoint").exists()


def test_it_does_not_wait_until_a_place_is_due(settings: Any, folder: Path, sealed: Sealed) -> None:
    """Neither for the minutes nor for the pause after a failure."""
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    folder.rmdir()
    sealed()
    with pytest.raises(CommandError):
        run()
    folder.mkdir()
    run()
    newest = sealed()
    assert anchor.due(newest.at) == []
    assert run() == [f"file://{folder}: has checkpoint {newest.size}"]


def test_without_a_place_it_is_wrong_usage(db: None) -> None:
    with pytest.raises(CommandError, match=r"AUDIT_ANCHOR names no place") as failed:
        run()
    assert failed.value.returncode == 2


def test_an_empty_log_has_nothing_to_anchor(db: None, settings: Any, folder: Path) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    assert run() == ["Nothing is sealed, so there is no checkpoint. Nothing was anchored."]


def test_what_cannot_be_sealed_is_exit_1_and_what_is_sealed_is_anchored(
    settings: Any, folder: Path, sealed: Sealed, tell: Callable[..., Any], tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    made = sealed()
    tell()
    settings.AUDIT_SIGNING_KEY = tmp_path / "lost.pem"
    with pytest.raises(CommandError, match=r"^AUDIT_SIGNING_KEY: there is no key at ") as failed:
        run()
    assert failed.value.returncode == 1
    assert (folder / f"{made.size}.checkpoint").read_text() == made.note


@pytest.mark.openssl
def test_receipts_are_written_out_as_openssl_checks_them(
    settings: Any, sealed: Sealed, serve: Callable[..., Server], authority: Authority, tmp_path: Path
) -> None:
    servers: list[Server] = []

    def script(line: Any) -> None:
        line.sendall(reply(authority.answer(servers[0].requests[-1].partition(b"\r\n\r\n")[2])))

    servers.append(serve(script))
    settings.AUDIT_TIMESTAMP_URL, settings.AUDIT_TIMESTAMP_CA = servers[0].url, str(authority.root)
    sizes = []
    for _again in range(2):
        sizes.append(sealed().size)
        run()
    out = tmp_path / "receipts"
    assert run("--receipts", str(out)) == ["2 time stamps written."]
    assert sorted(file.name for file in out.iterdir()) == sorted(
        f"{size}.{kind}" for size in sizes for kind in ("checkpoint", "tsr")
    )
    for size in sizes:
        held, said = verified(out / f"{size}.tsr", out / f"{size}.checkpoint", authority.root)
        assert held, said
    assert run("--receipts", str(out)) == ["0 time stamps written."]


def test_receipts_that_cannot_be_written_are_exit_1(sealed: Sealed, tmp_path: Path) -> None:
    made = sealed()
    Anchor.objects.create(place="time stamp: https://tsa.example", size=made.size, at=made.at, receipt=b"x")
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="cannot be written") as failed:
        run("--receipts", str(tmp_path / "file"))
    assert failed.value.returncode == 1


def test_two_stamps_of_one_checkpoint_are_both_written(sealed: Sealed, tmp_path: Path) -> None:
    made = sealed()
    for number in (1, 2):
        place = f"time stamp: https://tsa{number}.example"
        Anchor.objects.create(place=place, size=made.size, at=made.at, receipt=str(number).encode())
    run("--receipts", str(tmp_path / "out"))
    assert (tmp_path / "out" / f"{made.size}.tsr").read_bytes() == b"1"
    assert (tmp_path / "out" / f"{made.size}-2.tsr").read_bytes() == b"2"
