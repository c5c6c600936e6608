import json
import os
import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from compliance import clock
from compliance.vault import seal, shredded
from compliance.vault.models import DataKey
from compliance.vault.shredded import keep, listed

MINUTE = timedelta(minutes=1)


@pytest.fixture
def file(key, ring_file):
    return ring_file.parent / "shredded.jsonl"


def destroyed(count=1):
    """Data keys, destroyed now."""
    made = [seal.new_key() for _ in range(count)]
    for key in made:
        seal.destroy(key)
    return made


def told(keys):
    return {key.pk: key.destroyed_at for key in keys}


def test_without_destroyed_keys_there_is_no_list(file):
    assert keep() == 0
    assert listed() == {}
    assert not file.exists()


def test_every_destroyed_key_of_the_database_is_listed_once_with_its_time(file):
    gone = destroyed(3)
    assert keep() == 3
    assert keep() == 0
    assert listed() == told(gone)
    more = destroyed(2)
    assert keep() == 2
    assert listed() == told(gone + more)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count('"key"') == 5


def test_a_line_is_what_restoring_reads_and_names_nothing_else(file):
    (key,) = destroyed()
    keep(key)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"key": str(key.pk), "at": key.destroyed_at.isoformat()}
    ]


def test_a_key_just_destroyed_is_listed_without_looking_for_others(file, django_assert_num_queries):
    first, second = destroyed(2)
    with django_assert_num_queries(0):
        assert keep(second) == 1
    assert listed() == told([second])
    assert keep() == 1
    assert listed() == told([first, second])


def test_a_living_key_is_not_listed(file, key):
    assert keep(key) == 0
    assert listed() == {}


def test_nothing_is_forgotten_when_single_keys_were_listed_while_no_worker_ran(file, turn_clock):
    destroyed(1)
    keep()
    forgotten = destroyed(1)
    turn_clock(60 * MINUTE)
    (late,) = destroyed(1)
    keep(late)
    turn_clock(60 * MINUTE)
    assert keep() == 1
    assert forgotten[0].pk in listed()


def test_a_transaction_that_ends_late_is_still_listed(file, turn_clock):
    started = clock.now()
    late = seal.new_key()
    turn_clock(5 * MINUTE)
    destroyed(1)
    keep()
    DataKey.objects.filter(pk=late.pk).update(wrapped=b"", destroyed_at=started)
    turn_clock(4 * MINUTE)
    assert keep() == 1
    assert late.pk in listed()


def test_a_clock_that_was_wrong_for_a_while_hides_nothing(file, turn_clock):
    now = clock.now()
    turn_clock(now + timedelta(days=3650))
    destroyed(1)
    keep()
    turn_clock(now)
    (key,) = destroyed(1)
    turn_clock(now + 60 * MINUTE)
    keep()
    assert key.pk in listed()


def test_listing_costs_as_much_as_what_was_destroyed_lately(file, turn_clock, monkeypatch):
    now = turn_clock(clock.now())
    old = [DataKey(ring_key="k", wrapped=b"", created_at=now, destroyed_at=now) for _ in range(5_000)]
    DataKey.objects.bulk_create(old)
    assert keep() == 5_000
    for _minute in range(30):
        turn_clock(MINUTE)
        keep()
    read, real = [], shredded._read
    monkeypatch.setattr(shredded, "_read", lambda line: read.append(line) or real(line))
    (last,) = destroyed(1)
    assert keep() == 1
    keep(*destroyed(1))
    assert keep() == 0
    assert len(read) < 10
    assert len(listed()) == 5_002
    assert file.read_text().count("complete") == 4, "and hardly grows while nothing is destroyed"
    assert last.pk in listed()


@pytest.mark.parametrize("cut", range(1, 100, 7))
def test_a_line_that_was_cut_off_is_written_again_and_hurts_no_other(file, cut):
    first, second = destroyed(2)
    keep(first)
    whole = file.read_bytes()
    keep(second)
    torn = file.read_bytes()
    file.write_bytes(torn[: len(whole) + min(cut, len(torn) - len(whole) - 1)])
    assert first.pk in listed()
    third = destroyed(1)
    assert keep() >= 1
    assert listed() == told([first, second, *third])
    assert file.read_bytes().startswith(whole), "nothing is rewritten"


def test_room_that_a_file_system_made_and_nobody_wrote_in_is_no_damage(file):
    gone = destroyed(2)
    keep()
    with file.open("ab") as end:
        end.write(b"\0" * 40)
    assert listed() == told(gone)
    more = destroyed(1)
    keep()
    assert listed() == told(gone + more)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b'{"key": "1", "at": "2026-11-21T00:00:00+00:00"}',
        b"[]",
        b'{"at": "2026-11-21T00:00:00+00:00"}',
        b"1}",
    ],
)
def test_a_damaged_line_is_told_for_it_may_be_the_one_that_counts(file, line):
    keep(*destroyed(1))
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: the list of destroyed keys .*damaged in line 2"):
        listed()
    assert keep(*destroyed(1)) == 1, "what is destroyed now is listed all the same"


def test_a_key_destroyed_again_after_a_restore_keeps_its_first_time(file, turn_clock):
    (key,) = destroyed(1)
    keep()
    turn_clock(60 * MINUTE)
    DataKey.objects.filter(pk=key.pk).update(destroyed_at=clock.now())
    keep()
    assert listed() == told([key])


def test_a_list_that_was_lost_is_made_anew(file):
    gone = destroyed(3)
    keep()
    file.unlink()
    assert keep() == 3
    assert listed() == told(gone)


def test_a_folder_that_cannot_be_written_is_one_line(file, monkeypatch):
    def read_only(*_args, **_more):
        raise OSError(30, "Read-only file system")

    (key,) = destroyed(1)
    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: the list .*Read-only file system\.$"):
        keep(key)


@pytest.mark.django_db(transaction=True)
def test_several_at_once_mix_up_no_lines(file):
    def lists():
        try:
            for _number in range(20):
                keep(*gone)
                keep()
        finally:
            connection.close()

    gone = destroyed(5)
    threads = [threading.Thread(target=lists) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert listed() == told(gone)
