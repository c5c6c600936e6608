"""Rows that somebody inserts who may only add to the trail: none stops or spoils what the desk itself records."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from compliance import clock
from compliance.audit import bundle, export, pending, seal, signing
from compliance.audit.export import Selection
from compliance.audit.models import Checkpoint, Event, Leaf, LogKey, PendingEvent, Subtree
from compliance.audit.record import leaf_hash

from .hand import by_hand, change
from .whole import hold_together


@pytest.fixture
def log(tell) -> Checkpoint:
    """A log of six, and its newest checkpoint."""
    for _event in range(5):
        tell()
    seal.seal()
    return seal.newest()


def left_out(event: Event, why: str) -> None:
    """Asserts that only this one is, and that it is complained about each time."""
    for _time in range(2):
        with pytest.raises(seal.LogDamaged, match=f"^1 pending event.*sealing goes on.* event {event.pk}: {why}"):
            seal.seal()
        assert [row.event_id for row in PendingEvent.objects.all()] == [event.pk]
        assert seal.status().refused == 1
    hold_together()


def text(**given: object) -> str:
    said = {"action": "x.y", "actor": "user:1", "at": "", "case": "", "details": {}, "id": "", "subject": ""} | given
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


DEEP = '{"details":{"a":' + "[" * 30_000 + "]" * 30_000 + "}}"
SAYS_OTHERWISE = "its canonical text is not what its columns say"
NOT_OF_THE_FORM = "it is not of the form of an event"
AT_FAULT = {
    "no JSON": ({"canonical": "x"}, NOT_OF_THE_FORM),
    "no object": ({"canonical": "[]"}, NOT_OF_THE_FORM),
    "no details": ({"canonical": "{}"}, NOT_OF_THE_FORM),
    "details that are no object": ({"canonical": text(details=7)}, NOT_OF_THE_FORM),
    "details in details": ({"canonical": text(details={"a": {"b": 1}})}, NOT_OF_THE_FORM),
    "a broken number": ({"canonical": text(details={"a": 0.5})}, NOT_OF_THE_FORM),
    "nested without end": ({"canonical": DEEP}, NOT_OF_THE_FORM),
    "longer than any event": ({"canonical": text(details={"a": ["b"] * 500_000})}, NOT_OF_THE_FORM),
    "another event's text": ({"canonical": text()}, SAYS_OTHERWISE),
    "spaces": ({"canonical": text().replace(":", ": ")}, SAYS_OTHERWISE),
    "a field more": ({"canonical": text(more=1)}, SAYS_OTHERWISE),
    "a column that begins a formula": ({"actor": "=1+1", "canonical": text(actor="=1+1")}, NOT_OF_THE_FORM),
    "an action that is none": ({"action": "a\nb", "canonical": text(action="a\nb")}, NOT_OF_THE_FORM),
    "another hash": ({"leaf_hash": "00" * 32}, "its leaf hash is not that of its text"),
    "a number below 1": ({"id": -1}, "its number is below 1"),
}


@pytest.mark.parametrize("what", AT_FAULT)
def test_an_event_that_the_desk_did_not_write_so_is_left_out_and_the_others_are_sealed(log, tell, what):
    given, why = AT_FAULT[what]
    event = by_hand(**given)
    tell()
    left_out(event, why)
    assert seal.newest().size == log.size + 1


def test_nor_does_one_whose_columns_were_changed_go_into_the_log(log, tell):
    event = by_hand(at=datetime(2026, 1, 1, tzinfo=UTC))
    change("UPDATE audit_event SET at = %s WHERE id = %s", event.at + timedelta(seconds=1), event.pk)
    tell()
    left_out(event, SAYS_OTHERWISE)


def test_a_time_that_is_none_stops_nobody(log, tell):
    if connection.vendor != "postgresql":
        pytest.skip("a time without end is PostgreSQL's")
    event = by_hand()
    change("UPDATE audit_event SET at = 'infinity' WHERE id = %s", event.pk)
    tell()
    left_out(event, NOT_OF_THE_FORM)
    assert seal.status().oldest is None


def test_what_has_the_details_of_an_event_is_sealed_however_odd(log):
    by_hand()
    assert (seal.seal(), seal.status().refused) == (1, 0)


def test_many_that_are_left_out_do_not_keep_later_ones_waiting_and_are_not_read_again(log, tell, monkeypatch):
    monkeypatch.setattr(seal, "BATCH", 4)
    for _event in range(11):
        by_hand(canonical="x" * 1000)
    late = [tell().pk for _event in range(6)]
    with pytest.raises(seal.LogDamaged, match=r"^11 pending event"):
        seal.seal()
    assert not PendingEvent.objects.filter(event_id__in=late).exists()
    tell()
    read = []
    monkeypatch.setattr(pending, "fault", lambda row, real=pending.fault: read.append(row) or real(row))
    with pytest.raises(seal.LogDamaged, match=r"^11 pending event"):
        seal.seal(batches=1)
    assert len(read) == 1


def test_one_that_was_put_right_is_sealed_after_a_while(log, monkeypatch):
    event = by_hand(leaf_hash="00" * 32)
    with pytest.raises(seal.LogDamaged):
        seal.seal()
    change("UPDATE audit_event SET leaf_hash = %s WHERE id = %s", leaf_hash(event.canonical), event.pk)
    assert seal.seal() == 1


def test_an_event_that_is_sealed_already_is_not_sealed_again(log, tell):
    PendingEvent.objects.create(event=Leaf.objects.get(index=2).event)
    assert seal.seal() == 0
    assert not PendingEvent.objects.exists()
    PendingEvent.objects.create(event=Leaf.objects.get(index=2).event)
    tell()
    assert seal.seal() == 1
    assert len(hold_together()) == 2


def test_no_leaf_comes_before_the_first(log, tell):
    """With one, the mark of an event that waits could be removed, and nothing would show that it ever was."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Leaf.objects.create(index=-1, event=tell())


def test_where_the_first_leaf_is_not_0_nothing_is_sealed(log, tell):
    change('DELETE FROM audit_leaf WHERE "index" = 0')
    tell()
    with pytest.raises(seal.LogDamaged, match="first leaf of the log is not 0 but 1"):
        seal.seal()


def test_a_row_in_the_way_of_a_batch_is_complained_about_in_one_line(log, tell, monkeypatch):
    monkeypatch.setattr(seal, "TILE", 1)
    Subtree.objects.create(level=1, index=3, hash="00" * 32)
    tell(), tell()
    with pytest.raises(seal.LogDamaged, match=r"^A row stands where the batch from leaf 6 on belongs[^\n]*$"):
        seal.seal()
    assert seal.newest_after_sealing() == log


# --- checkpoints and keys ---------------------------------------------------------------------------------------------


def forged(size: int, *signers: signing.Signer) -> Checkpoint:
    note = signing.checkpoint_note(size, bytes(32), signers) if signers else f"evil/1\n{size}\nAAAA\n\n"
    return Checkpoint.objects.create(size=size, at=clock.now(), root="00" * 32, frontier="", note=note)


@pytest.fixture(params=[-1, 5_000_000], ids=["before all", "after all"])
def evil(request: pytest.FixtureRequest, db: None) -> signing.Signer:
    """A log of somebody else, whose key is on record."""
    evil = signing.Signer("evil/1", Ed25519PrivateKey.generate())
    public = signing.public_bytes(evil.private)
    key = signing.verifier_key(evil.name, public)
    LogKey.objects.create(id=request.param, name=evil.name, public_key=public.hex(), verifier_key=key, at=clock.now())
    return evil


@pytest.mark.parametrize("size", [3, 7, 9 * 10**18])
def test_a_checkpoint_that_nobody_signed_is_handed_out_to_nobody(log, tell, evil, size):
    stranger = signing.Signer(log.note.split()[0], Ed25519PrivateKey.generate())
    forged(size, stranger)
    assert (seal.newest(), seal.at_size(size)) == (log, None)
    tell()
    if size > log.size:
        with pytest.raises(seal.LogDamaged, match="not that of the last leaf"):
            seal.seal()
    assert seal.newest_after_sealing().size == (log.size if size > log.size else log.size + 1)


def test_a_checkpoint_of_more_events_than_there_are_is_not_handed_out_whoever_signed_it(log, evil):
    forged(9 * 10**18, evil)
    assert seal.newest() == log


def test_the_first_checkpoint_over_an_event_is_one_that_is_signed(log, tell):
    stranger = signing.Signer(log.note.split()[0], Ed25519PrivateKey.generate())
    tell(), tell(), tell()
    seal.seal()
    for size in (log.size + 1, log.size + 2):
        forged(size, stranger)
    assert seal.first_over(log.size) == seal.newest()
    assert seal.first_over(log.size - 1) == log
    assert seal.first_over(log.size + 3) is None


def test_an_export_ends_with_the_last_leaf_whatever_size_a_checkpoint_claims(log, tell):
    tell()
    found = list(export.rows(Selection(), 9 * 10**18, tail=True))
    assert [row.index for row in found] == [*range(log.size), None]


def test_another_name_for_the_log_is_not_taken_up(log, tell, evil):
    name = log.note.split()[0]
    tell()
    assert seal.seal() == 1
    assert seal.newest().note.split()[0] == name
    assert {key.name for key in seal.public_keys()} == {name}
    assert "evil" not in bundle.public_keys()


@pytest.mark.parametrize("verifier_key", ["", "a\nb", "evil/1+00000000+AAAA", "{name}+00000000+{key}"])
def test_a_key_that_is_none_is_handed_out_to_nobody(log, verifier_key):
    name = log.note.split()[0]
    good = bundle.public_keys()
    for number, public in enumerate(["00" * 32, "no hex", "00"]):
        made = verifier_key.format(name=name, key="AQ" * 22) + str(number)
        LogKey.objects.create(name=name, public_key=public, verifier_key=made, at=clock.now())
    out = StringIO()
    call_command("audit_key", "--all", stdout=out)
    assert out.getvalue() == bundle.public_keys() == good


def test_before_the_first_checkpoint_a_key_of_somebody_else_names_no_log(tell, evil):
    tell()
    seal.seal()
    assert seal.newest().note.startswith("erasure-desk/")


# --- a new key --------------------------------------------------------------------------------------------------------


def rotate(*more: str) -> str:
    err = StringIO()
    call_command("audit_key", "--rotate", *more, stdout=StringIO(), stderr=err)
    return err.getvalue()


def test_a_rewritten_log_gets_no_new_key_without_a_word(log):
    """By the owner of the database, who lacks the key: a log of their own in the place of the newest checkpoint."""
    stranger = signing.Signer(log.note.split()[0], Ed25519PrivateKey.generate())
    note = signing.checkpoint_note(log.size, bytes.fromhex(log.root), [stranger])
    change("UPDATE audit_checkpoint SET note = %s", note)
    with pytest.raises(CommandError, match="was not signed with the key of AUDIT_SIGNING_KEY"):
        rotate()
    assert (LogKey.objects.count(), Checkpoint.objects.count()) == (1, 1)
    assert "Tell whoever checks the trail why" in rotate("--without-the-old-key")
    assert Checkpoint.objects.count() == 2


def test_with_the_old_key_nobody_needs_to_be_told(log):
    assert "why" not in rotate()


def test_the_old_key_is_only_given_up_for_a_new_one(log):
    with pytest.raises(CommandError, match="goes with --rotate"):
        call_command("audit_key", "--without-the-old-key")


# --- SQLite -----------------------------------------------------------------------------------------------------------


def test_an_event_of_a_number_below_0_does_not_stop_the_recording_of_others(log, tell):
    by_hand(id=-1)
    assert tell().pk > log.size
    with suppress(seal.LogDamaged):
        seal.seal()
    assert seal.newest().size == log.size + 1


def test_an_event_is_not_replaced_by_its_number(log):
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    event = Event.objects.first()
    columns = 'event_id, at, actor, action, "case", subject, canonical, leaf_hash'
    statement = (
        f"INSERT OR REPLACE INTO audit_event (rowid, {columns}) VALUES (%s, '0', '2026-01-01', '', '', '', '', '', '')"
    )
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [event.pk])


def test_the_standing_of_the_trail_reads_a_few_hundred_events_however_many_wait(log):
    with CaptureQueriesContext(connection) as queries:
        seal.status()
    assert "LIMIT 500" in queries[0]["sql"]
