"""Whether a database is noticed that was put back from a backup. Here it is put back by rolling back to a savepoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase

from compliance import clock
from compliance.audit import anchor, behind, highwater, seal
from compliance.audit.actions import RESTORED
from compliance.audit.models import Checkpoint
from compliance.audit.record import record

pytestmark = pytest.mark.django_db
DETAILS = dict.fromkeys(
    ("tree_size", "last_event_at", "known_size", "in_doubt", "letters", "first_left_out", "last_left_out")
)


class _Restored(Exception):
    pass


@contextmanager
def lost() -> Iterator[None]:
    """What happens in the block is not in the database afterwards."""
    try:
        with transaction.atomic():
            yield
            raise _Restored
    except _Restored:
        behind.forget()


@pytest.fixture
def sealed(tell: Callable[..., Any]) -> Callable[[], Checkpoint]:
    """One more event, sealed as the supervisor does; returns the checkpoint."""

    def sealed() -> Checkpoint:
        tell()
        with TestCase.captureOnCommitCallbacks(execute=True):
            seal.seal()
        behind.forget()
        found = seal.newest()
        assert found
        return found

    return sealed


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    return tmp_path


def restored() -> None:
    """What `after_restore` ends with."""
    record(RESTORED, actor="system:test", **DETAILS)
    behind.forget()


def without_mark() -> None:
    highwater.path().unlink()
    behind.forget()


def test_a_desk_that_has_sealed_nothing_is_not_behind() -> None:
    assert behind.behind() is None


def test_who_seals_keeps_a_mark_beside_the_key_ring(sealed: Callable[[], Checkpoint]) -> None:
    newest = sealed()
    mark = highwater.read()
    assert mark
    assert (mark.size, mark.root, mark.at) == (newest.size, newest.root, newest.at)
    assert highwater.path().stat().st_mode & 0o777 == 0o600
    assert behind.behind() is None


def test_a_mark_that_is_older_than_the_log_is_in_order(sealed: Callable[[], Checkpoint]) -> None:
    """Another host has sealed since."""
    sealed()
    old = highwater.path().read_text()
    sealed()
    highwater.path().write_text(old)
    assert behind.behind() is None


def test_a_log_that_is_shorter_than_the_mark_is_behind(sealed: Callable[[], Checkpoint]) -> None:
    before = sealed()
    with lost():
        known = sealed()
    line = behind.behind()
    assert line
    assert f"holds {before.size} sealed events" in line
    assert f"checkpoint of {known.size} that is kept beside the key ring" in line
    assert "manage.py after_restore" in line


def test_an_empty_database_beside_an_old_mark_is_behind(sealed: Callable[[], Checkpoint]) -> None:
    with lost():
        sealed()
    assert "holds 0 sealed events" in str(behind.behind())


def test_another_root_at_the_same_size_is_behind(sealed: Callable[[], Checkpoint]) -> None:
    newest = sealed()
    note = newest.note.replace(newest.note.split("\n")[2], "A" * 43 + "=")
    highwater.keep(Checkpoint(size=newest.size, at=newest.at, note=note))
    behind.forget()
    assert behind.behind()


def test_a_log_that_is_shorter_than_an_anchored_checkpoint_is_behind(
    sealed: Callable[[], Checkpoint], folder: Path
) -> None:
    sealed()
    with lost():
        anchor.anchor_all(sealed())
    without_mark()
    assert "where checkpoints are anchored" in str(behind.behind())


def test_an_empty_database_beside_anchored_checkpoints_of_its_key_is_behind(
    sealed: Callable[[], Checkpoint], folder: Path
) -> None:
    with lost():
        anchor.anchor_all(sealed())
    without_mark()
    assert behind.behind()


def test_a_folder_of_another_desk_speaks_against_nobody(sealed: Callable[[], Checkpoint], folder: Path) -> None:
    newest = sealed()
    name = newest.note.partition("\n")[0]
    (folder / "9999.checkpoint").write_text(newest.note.replace(name, "erasure-desk/ffffffffffffffff"))
    assert behind.behind() is None


def test_a_folder_that_is_away_speaks_against_nobody(sealed: Callable[[], Checkpoint], settings: Any) -> None:
    settings.AUDIT_ANCHOR = ["file:///nowhere/at/all"]
    sealed()
    assert behind.behind() is None


def test_nothing_is_sealed_on_a_log_that_is_behind(sealed: Callable[[], Checkpoint]) -> None:
    sealed()
    with lost():
        sealed()
    mark = highwater.path().read_text()
    with pytest.raises(seal.LogDamaged, match="Nothing was sealed"):
        sealed()
    with pytest.raises(seal.LogDamaged, match="Nothing was sealed"):
        seal.rotate()
    assert highwater.path().read_text() == mark, "what was known is known no more"


def test_once_it_was_put_right_the_log_goes_on(sealed: Callable[[], Checkpoint], folder: Path) -> None:
    sealed()
    with lost():
        anchor.anchor_all(sealed())
    restored()
    assert behind.behind() is None
    again = sealed()
    assert behind.behind() is None
    (outcome,) = anchor.anchor_all(again)
    assert not outcome.trouble
    assert behind.behind() is None


def test_what_was_put_right_once_may_be_put_back_again(sealed: Callable[[], Checkpoint]) -> None:
    sealed()
    with lost():
        sealed()
    restored()
    sealed()
    with lost():
        sealed()
    assert behind.behind()


def test_the_mark_of_another_host_from_before_the_restore_counts_no_more(sealed: Callable[[], Checkpoint]) -> None:
    sealed()
    with lost():
        sealed()
        elsewhere = highwater.path().read_text()
    restored()
    sealed()
    highwater.path().write_text(elsewhere)
    assert behind.behind() is None


def test_an_anchored_checkpoint_is_kept_beside_the_one_that_was_lost(
    sealed: Callable[[], Checkpoint], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed()
    with lost():
        gone = sealed()
        anchor.anchor_all(gone)
    restored()
    fresh = replace_size(sealed(), gone.size)
    (outcome,) = anchor.anchor_all(fresh)
    assert not outcome.trouble
    assert (folder / f"{gone.size}.checkpoint").read_text() == gone.note
    assert (folder / f"{gone.size}-{fresh.root[:8]}.checkpoint").read_text() == fresh.note


def replace_size(checkpoint: Checkpoint, size: int) -> Checkpoint:
    """As if the log had by chance been sealed at this size."""
    note = checkpoint.note.replace(f"\n{checkpoint.size}\n", f"\n{size}\n", 1)
    return Checkpoint(size=size, at=checkpoint.at, root=checkpoint.root, note=note)


def test_a_damaged_mark_stops_nobody(sealed: Callable[[], Checkpoint], caplog: pytest.LogCaptureFixture) -> None:
    sealed()
    highwater.path().write_text("{")
    behind.forget()
    assert behind.behind() is None
    assert "sealed.json cannot be read" in caplog.text


def test_a_mark_that_cannot_be_kept_stops_no_sealing(
    sealed: Callable[[], Checkpoint], settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ring = settings.KEY_RING
    settings.KEY_RING = tmp_path / "missing" / "ring.json"
    assert sealed().size
    assert "cannot be kept beside the key ring" in caplog.text
    settings.KEY_RING = ring


def test_the_answer_stands_for_a_moment_and_asks_the_database_no_more(
    sealed: Callable[[], Checkpoint], django_assert_num_queries: Any
) -> None:
    sealed()
    behind.behind()
    with django_assert_num_queries(0):
        assert behind.behind() is None


def test_what_was_sealed_later_than_the_restore_counts(sealed: Callable[[], Checkpoint]) -> None:
    newest = sealed()
    restored()
    mark = highwater.read()
    assert mark
    later = replace(mark, at=clock.now() + timedelta(minutes=1), size=newest.size + 100)
    note = newest.note.replace(f"\n{newest.size}\n", f"\n{later.size}\n", 1)
    highwater.keep(Checkpoint(size=later.size, at=later.at, root=newest.root, note=note))
    behind.forget()
    assert behind.behind()


def test_a_host_that_has_not_sealed_gets_a_mark_once(sealed: Callable[[], Checkpoint]) -> None:
    newest = sealed()
    highwater.path().unlink()
    highwater.keep_one()
    mark = highwater.read()
    assert mark is not None
    assert mark.size == newest.size
    kept = highwater.path().stat().st_ino
    highwater.keep_one()
    assert highwater.path().stat().st_ino == kept
