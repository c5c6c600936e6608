"""What the places of the settings are called, and how a folder takes a checkpoint."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compliance.audit.anchor.places import Folder, Webhook, places
from compliance.audit.anchor.post import NotAnchored
from tests.server import Server

NOTE = "erasure-desk/1f\n5\nAAAA=\n\n— erasure-desk/1f BBBB\n"


def names(settings: Any, *urls: str) -> list[str]:
    settings.AUDIT_ANCHOR = list(urls)
    return [place.name for place in places()]


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_place_is_called_by_what_is_no_secret_of_it(settings: Any) -> None:
    settings.AUDIT_TIMESTAMP_URL = "https://tsa.example/tsr"
    found = names(
        settings,
        "file:///mnt/far%20away",
        "https://Hooks.example",
        "https://hooks.example:8443/",
        "https://user:s3cret@hooks.example/s3cret?s3cret=s3cret",
    )
    assert found[:3] == ["file:///mnt/far away", "https://hooks.example", "https://hooks.example:8443"]
    assert found[3].startswith("https://hooks.example (")
    assert found[4].startswith("time stamp: https://tsa.example (")
    assert "s3cret" not in repr(places())


def test_two_addresses_of_one_host_are_two_places_and_twice_the_same_is_one(settings: Any) -> None:
    first, second = "https://hooks.example/a", "https://hooks.example/b"
    found = names(settings, first, second, first)
    assert len(found) == len(set(found)) == 2
    assert names(settings, second) == found[1:], "a name does not depend on the other places"


def test_a_name_fits_its_column(settings: Any) -> None:
    found = names(
        settings, f"file:///{'a' * 200}/1", f"file:///{'a' * 200}/2", f"https://{'h' * 60}.{'h' * 60}.example/"
    )
    assert len(set(found)) == 3
    assert all(len(name) <= 120 for name in found)


def test_without_settings_there_is_no_place() -> None:
    assert places() == []


# --- a folder ---------------------------------------------------------------------------------------------------------


def take(folder: Path, note: str = NOTE) -> None:
    Folder("file:///somewhere", folder).take(5, note)


def refused(folder: Path) -> str:
    with pytest.raises(NotAnchored) as raised:
        take(folder)
    return str(raised.value)


def test_the_file_holds_the_signed_checkpoint_and_nothing_else_is_left(folder: Path) -> None:
    take(folder)
    assert [file.name for file in folder.iterdir()] == ["5.checkpoint"]
    assert (folder / "5.checkpoint").read_bytes() == NOTE.encode()


def test_the_same_again_leaves_the_file_as_it_is(folder: Path) -> None:
    take(folder)
    (folder / "5.checkpoint").chmod(0o400)
    before = (folder / "5.checkpoint").stat()
    take(folder)
    after = (folder / "5.checkpoint").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.django_db
@pytest.mark.parametrize("there", [NOTE.replace("AAAA", "CCCC"), NOTE + "\n", "x"])
def test_another_content_is_never_replaced_and_is_said(folder: Path, there: str) -> None:
    (folder / "5.checkpoint").write_text(there)
    why = refused(folder)
    assert why.startswith("5.checkpoint is there with another content. The log is not the one that was anchored")
    assert (folder / "5.checkpoint").read_text() == there


@pytest.mark.parametrize("there", ["", NOTE[:10]])
def test_a_write_that_was_cut_off_is_completed(folder: Path, there: str) -> None:
    (folder / "5.checkpoint").write_text(there)
    take(folder)
    assert (folder / "5.checkpoint").read_text() == NOTE


def test_a_disk_that_takes_a_little_at_a_time_gets_all_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: whole(descriptor, data[:3], at))
    take(folder)
    assert (folder / "5.checkpoint").read_text() == NOTE


def test_many_that_write_at_once_leave_one_whole_file(folder: Path) -> None:
    together, failed = threading.Barrier(8), []

    def write() -> None:
        together.wait(60)
        try:
            take(folder)
        except NotAnchored as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert (folder / "5.checkpoint").read_text() == NOTE


def test_a_folder_that_is_missing_is_said_and_not_made(folder: Path) -> None:
    folder.rmdir()
    assert refused(folder) == "5.checkpoint: No such file or directory"
    assert not folder.exists()


def test_what_is_no_folder_is_said(folder: Path) -> None:
    folder.rmdir()
    folder.touch()
    assert refused(folder) == "5.checkpoint: Not a directory"


def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    if os.geteuid() == 0:
        folder = Path("/sys")  # root may write anywhere else
    else:
        folder.chmod(0o500)
    assert refused(folder).startswith("5.checkpoint: ")
    assert not (folder / "5.checkpoint").exists()


def test_the_disk_is_told_to_keep_the_file_and_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, sync = [], os.fsync

    def note(descriptor: int) -> None:
        kept.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    take(folder)
    assert kept == ["5.checkpoint", "elsewhere"]


# --- a webhook --------------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_checkpoint_as_it_is(serve: Callable[..., Server]) -> None:
    server = serve()
    Webhook("https://hooks.example", f"{server.url}/hook").take(5, NOTE)
    head, _blank, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    assert body == NOTE.encode()
