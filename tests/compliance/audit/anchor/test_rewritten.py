"""What anchoring is for: whoever has the database *and* the signing key writes a new past, and signs it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from compliance.audit import anchor, export, seal, triggers, verify
from compliance.audit.models import Checkpoint, Event
from compliance.audit.record import leaf_hash

Sealed = Callable[[], Checkpoint]


def exported(folder: Path) -> tuple[Path, Path]:
    """The whole log as the desk hands it out: the file with its checkpoint beside it, and the public key."""
    newest = seal.newest()
    assert newest
    file, key = folder / "trail.csv", folder / "audit-key.txt"
    file.write_text("".join(export.csv_lines(export.rows(export.Selection(), newest.size))), newline="")
    file.with_name("trail.csv.checkpoint").write_text(newest.note)
    key.write_text("".join(f"{one.verifier_key}\n" for one in seal.public_keys()))
    return file, key


@contextmanager
def unprotected() -> Iterator[None]:
    """The triggers are the database's own, and whoever owns it can take them away."""
    connection.check_constraints()  # PostgreSQL changes no table on which a check is due
    triggers.remove(connection)
    yield
    connection.check_constraints()
    triggers.install(connection)


def rewrite(event: Event, **changes: Any) -> None:
    """The event never was as it was: past triggers, rows and hashes, into a log that is sealed again from its start."""
    canonical = json.dumps(
        json.loads(event.canonical) | changes, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    with unprotected(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET actor = %s, canonical = %s, leaf_hash = %s WHERE id = %s",
            [json.loads(canonical)["actor"], canonical, leaf_hash(canonical), event.pk],
        )
        for table in ("audit_leaf", "audit_subtree", "audit_checkpoint"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("INSERT INTO audit_pendingevent (event_id) SELECT id FROM audit_event")
    seal.seal()


def test_a_log_that_is_rewritten_and_signed_anew_is_caught_by_an_anchored_checkpoint_and_only_by_it(
    settings: Any, folder: Path, sealed: Sealed, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    for _again in range(5):
        kept = sealed()
    anchor.anchor_all(kept)
    anchored = folder / f"{kept.size}.checkpoint"
    sealed()
    file, key = exported(tmp_path)
    status, said = verify.run(file, key, anchored)
    assert status == 0, said
    assert f"The log begins with the {kept.size} events of the earlier checkpoint." in said

    settings.AUDIT_ANCHOR = []  # who rewrites the log does not ask those who know better
    rewrite(Event.objects.order_by("id")[2], actor="user:4711")
    sealed()
    file, key = exported(tmp_path)
    status, said = verify.run(file, key)
    assert status == 0, said
    status, said = verify.run(file, key, anchored)
    assert status == 1
    assert f"the log was rewritten: its first {kept.size} events are not those of the earlier checkpoint" in said


def test_what_was_cut_off_after_an_anchor_is_caught_by_it(
    settings: Any, folder: Path, sealed: Sealed, tmp_path: Path
) -> None:
    """The end of the log is gone, with its checkpoint: what is left is in order in itself."""
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    sealed()
    file, key = exported(tmp_path)
    newest = sealed()
    anchor.anchor_all(newest)
    assert verify.run(file, key)[0] == 0
    status, said = verify.run(file, key, folder / f"{newest.size}.checkpoint")
    assert status == 1
    assert "the export was made before it, or events were removed from the end of the log" in said


def test_a_desk_whose_log_was_rewritten_cannot_anchor_it_over_the_old_one(
    settings: Any, folder: Path, sealed: Sealed
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    newest = sealed()
    anchor.anchor_all(newest)
    with unprotected(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_anchor")
    settings.AUDIT_ANCHOR = []  # who rewrites the log does not ask those who know better
    rewrite(Event.objects.earliest("id"), actor="user:4711")
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    again = seal.newest()
    assert again
    assert again.size == newest.size
    (outcome,) = anchor.anchor_all(again)
    assert "The log is not the one that was anchored" in outcome.trouble
    assert (folder / f"{newest.size}.checkpoint").read_text() == newest.note


def test_a_desk_whose_log_was_rewritten_seals_nothing_more_on_it(settings: Any, folder: Path, sealed: Sealed) -> None:
    newest = sealed()
    rewrite(Event.objects.earliest("id"), actor="user:4711")
    (folder / f"{newest.size}.checkpoint").write_text(newest.note)
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    with pytest.raises(seal.LogDamaged, match="put back from a backup"):
        sealed()
