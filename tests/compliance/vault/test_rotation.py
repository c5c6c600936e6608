"""Rotation: every living data key opens at every moment, and what is destroyed opens never again."""

import base64
import json
import os
import threading
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from compliance.audit.models import Event
from compliance.vault import keys, rewrap, ring_file, rotation, seal
from compliance.vault.keys import ring
from compliance.vault.models import DataKey
from compliance.vault.rotation import InBackups

PLACE = {"table": "t", "row": "1", "field": "f"}
BY = {"actor": "system:test"}
DAY = timedelta(days=1)


@pytest.fixture
def desk(key):
    """Seven living data keys and one that was destroyed, each of the living with something sealed."""
    living = [key, *(seal.new_key() for _ in range(6))]
    gone = seal.new_key()
    seal.destroy(gone)
    return {data_key.pk: seal.seal(data_key, f"kept {data_key.pk}", **PLACE) for data_key in living}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(rewrap, "BATCH", 3)


def all_open(sealed):
    """Whether everything opens, as read from the database now."""
    rows = DataKey.objects.in_bulk(list(sealed))
    return all(seal.unseal(rows[pk], text, **PLACE) == f"kept {pk}".encode() for pk, text in sealed.items())


def told(action):
    return list(Event.objects.filter(action=action).order_by("id").values_list("subject", flat=True))


def test_a_rotation_puts_every_living_data_key_under_a_new_key(desk):
    before = ring()
    rotated = rotation.rotate(**BY)
    assert rotated.activated == ring().active != before.active
    assert (rotated.rewrapped.moved, rotated.rewrapped.left) == (len(desk), 0)
    assert rewrap.in_use() == [ring().active]
    assert list(ring().replaced) == [before.active]
    assert ring().index_key == before.index_key, "fingerprints stay what they are"
    assert all_open(desk)
    assert told("vault.key_activated") == [f"ring_key:{ring().active}"]


def test_a_destroyed_data_key_stays_under_the_key_it_had_and_empty(desk):
    before = ring().active
    rotation.rotate(**BY)
    gone = DataKey.objects.get(destroyed_at__isnull=False)
    assert (gone.ring_key, bytes(gone.wrapped)) == (before, b"")


def test_a_prepared_key_wraps_nothing_until_it_is_made_active_the_oldest_first(desk, turn_clock):
    active = ring().active
    first = rotation.prepare(**BY)
    turn_clock(DAY)
    second = rotation.prepare(**BY)
    assert ring().active == active
    assert ring().prepared == [first, second]
    assert seal.new_key().ring_key == active
    assert rotation.rotate(**BY).activated == first
    assert ring().prepared == [second]
    assert told("vault.key_added")[-2:] == [f"ring_key:{first}", f"ring_key:{second}"]


def test_a_host_with_the_prepared_key_reads_what_was_wrapped_elsewhere_and_moves_nothing_back(desk, ring_file):
    rotation.prepare(**BY)
    copy = ring_file.read_bytes()
    rotation.rotate(**BY)
    here, ring_file_here = ring().active, ring_file.read_bytes()
    ring_file.write_bytes(copy)
    assert rotation.problem() is None
    assert all_open(desk)
    rotation.tick()
    assert rewrap.in_use() == [here]
    ring_file.write_bytes(ring_file_here)
    assert all_open(desk)


def test_retiring_destroys_replaced_keys_alone_and_leaves_no_copy_in_the_folder(desk, ring_file):
    old = ring().active
    text = json.loads(ring_file.read_text())["keys"][old]["key"]
    waiting = rotation.prepare(**BY)
    rotation.rotate(**BY)
    rotation.prepare(**BY)
    for left in (".ring-left", ".ring.json.new"):  # by whoever was killed while the ring was made, or changed
        (ring_file.parent / left).write_bytes(ring_file.read_bytes())
    assert rotation.retire(**BY) == [old]
    assert set(ring().keys) == {waiting, *ring().prepared}
    assert list(ring().retired) == [old]
    assert all_open(desk)
    assert told("vault.key_retired") == [f"ring_key:{old}"]
    assert not [file for file in ring_file.parent.rglob("*") if file.is_file() and text in file.read_text()]
    assert rotation.retire(**BY) == []
    assert rotation.problem() is None


def test_a_key_that_a_living_data_key_is_under_is_not_destroyed(desk, ring_file):
    damaged = DataKey.objects.get(pk=next(iter(desk)))
    *rest, last = bytes(damaged.wrapped)
    damaged.wrapped = bytes([*rest, last ^ 1])
    damaged.save()
    old = ring().active
    assert rotation.rotate(**BY).rewrapped == rewrap.Rewrapped(moved=len(desk) - 1, left=1)
    assert rotation.problem() is None, "it is a matter of this data key alone"
    assert rotation.retire(**BY) == []
    assert old in ring().keys


def test_a_key_that_is_kept_beyond_its_time_is_told(desk, settings, turn_clock):
    settings.KEY_ROTATION_DAYS, settings.KEY_KEEP_DAYS = 300, 35
    DataKey.objects.filter(pk=next(iter(desk))).update(wrapped=b"\x01damaged")
    old = ring().active
    rotation.rotate(**BY)
    turn_clock(34 * DAY)
    rotation.tick()
    turn_clock(DAY)
    with pytest.raises(ImproperlyConfigured, match=f"^KEY_RING: the key {old} should be destroyed by now"):
        rotation.tick()
    seal.destroy(DataKey.objects.get(pk=next(iter(desk))))
    rotation.tick()
    assert old in ring().retired


def test_a_data_key_destroyed_while_it_is_wrapped_anew_stays_destroyed(desk, monkeypatch):
    victim = DataKey.objects.filter(destroyed_at=None).order_by("pk")[1]
    real = seal.wrap

    def destroyed_meanwhile(secret, key_id):
        if key_id == victim.pk:
            seal.destroy(DataKey.objects.get(pk=key_id))
        return real(secret, key_id)

    monkeypatch.setattr(rewrap, "wrap", destroyed_meanwhile)
    rotation.rotate(**BY)
    victim.refresh_from_db()
    assert victim.destroyed_at and bytes(victim.wrapped) == b""
    assert rewrap.in_use() == [ring().active]


def test_a_data_key_read_before_it_was_wrapped_anew_opens_after_the_old_key_is_gone(desk):
    held = DataKey.objects.get(pk=next(iter(desk)))
    rotation.rotate(**BY)
    rotation.retire(**BY)
    assert held.ring_key not in ring().keys
    assert seal.unseal(held, desk[held.pk], **PLACE) == f"kept {held.pk}".encode()


def test_a_data_key_wrapped_just_before_its_ring_key_goes_is_wrapped_anew(key, monkeypatch):
    real = DataKey.objects.create

    def stalled(**values):
        monkeypatch.undo()
        rotation.rotate(**BY)
        rotation.retire(**BY)
        return real(**values)

    monkeypatch.setattr(DataKey.objects, "create", stalled)
    late = seal.new_key()
    assert late.ring_key == ring().active
    assert seal.unseal(DataKey.objects.get(pk=late.pk), seal.seal(late, "late", **PLACE), **PLACE) == b"late"


POINTS = 20


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_was_held_up_until_its_key_was_destroyed_puts_nothing_under_it(desk, settings, monkeypatch):
    ring_path = settings.KEY_RING
    real = rewrap._wrapped_anew

    def held_up(key):
        active = real(key)
        monkeypatch.setattr(rewrap, "_wrapped_anew", real)
        content = json.loads(ring_path.read_text())  # two rotations later, seen from elsewhere
        successor, entry = keys.new_entry()
        content["keys"][content["active"]]["replaced"] = entry["created"]
        content["keys"][successor] = {**entry, "activated": entry["created"]}
        content["retired"] = {content["active"]: entry["created"]}
        del content["keys"][content["active"]]
        content["active"] = successor
        ring_path.write_text(json.dumps(content))
        return active

    monkeypatch.setattr(rewrap, "_wrapped_anew", held_up)
    rotation.rotate(**BY)
    assert rewrap.in_use() == [ring().active]
    assert all_open(desk)


class Killed(BaseException):
    pass


def crash_points(monkeypatch, number):
    """Dies at the `number`-th of all points between a rotation's effects; False when there are fewer."""
    passed = [0]

    def point(*_args):
        passed[0] += 1
        if passed[0] == number:
            raise Killed

    def around(module, name, *, after=True):
        real = getattr(module, name)

        def stepped(*args, **kwargs):
            point()
            result = real(*args, **kwargs)
            if after:
                point()
            return result

        monkeypatch.setattr(module, name, stepped)

    around(ring_file.RingFile, "_write")
    around(ring_file, "sync_folder")
    around(rewrap, "_batch")
    around(rotation, "put_on_record")
    return lambda: passed[0] >= number


@pytest.mark.parametrize("number", range(1, POINTS + 2))
def test_killed_at_any_point_and_run_again_it_ends_well_and_everything_opens_all_the_time(desk, monkeypatch, number):
    first = ring().active
    with monkeypatch.context() as patch:
        died = crash_points(patch, number)
        with suppress(Killed):
            rotation.rotate(**BY)
            rotation.retire(**BY)
    assert died() == (number <= POINTS)
    assert all_open(desk)
    late = seal.new_key()
    assert all_open(desk | {late.pk: seal.seal(late, f"kept {late.pk}", **PLACE)})
    for _again in range(2):
        rotation.rotate(**BY)
        rotation.retire(**BY)
    assert all_open(desk)
    assert set(ring().keys) == {ring().active} == set(rewrap.in_use())
    assert first in ring().retired
    assert set(told("vault.key_retired")) == {f"ring_key:{key_id}" for key_id in ring().retired}
    assert f"ring_key:{ring().active}" in told("vault.key_activated")
    for action in ("vault.key_added", "vault.key_activated", "vault.key_retired"):
        assert len(told(action)) == len(set(told(action))), "nothing is told twice"


def test_a_rotation_cut_off_is_brought_to_its_end_before_another_begins(desk, monkeypatch):
    real, done = rewrap._batch, []

    def dies_at_the_second(*args):
        if done:
            raise Killed
        done.append(args)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(rewrap, "_batch", dies_at_the_second)
        with pytest.raises(Killed):
            rotation.rotate(**BY)
    active = ring().active
    assert len(rewrap.in_use()) == 2
    rotated = rotation.rotate(**BY)
    assert (rotated.activated, rotated.rewrapped.left) == ("", 0)
    assert ring().active == active
    assert rotation.rotate(**BY).activated


# --- several at once --------------------------------------------------------------------------------------------------


def in_threads(*deeds):
    troubles = []

    def run(deed):
        try:
            deed()
        except Exception as error:
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not any(thread.is_alive() for thread in threads)
    return troubles


@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_lose_no_key(desk):
    def rotate():
        with suppress(rotation.Busy):
            rotation.rotate(**BY)
            rotation.retire(**BY)

    assert in_threads(*[rotate] * 4) == []
    assert rotation.problem() is None
    assert all_open(desk)


@pytest.mark.django_db(transaction=True)
def test_a_ring_key_goes_only_after_the_transactions_that_may_have_used_it(desk, monkeypatch):
    """Somebody has made a data key under the old key, and has not committed."""
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one writes at a time")
    made, goes_on, late = threading.Event(), threading.Event(), {}

    def opens_a_case():
        with transaction.atomic():
            key = seal.new_key()
            late[key.pk] = seal.seal(key, f"kept {key.pk}", **PLACE)
            made.set()
            assert goes_on.wait(60)

    def rotates():
        assert made.wait(60)
        try:
            old = rotation.ring().active
            rotation.rotate(**BY)
            with pytest.raises(rotation.Busy):
                rotation.retire(**BY)
            assert old in ring().keys
        finally:
            goes_on.set()

    monkeypatch.setattr(rotation, "WAIT_SECONDS", 1)
    assert in_threads(opens_a_case, rotates) == []
    rotation.retire(**BY)
    assert rewrap.in_use() == [ring().active]
    assert all_open(desk | late)


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_by_schedule_a_key_is_replaced_and_kept_and_destroyed(desk, settings, turn_clock):
    settings.KEY_ROTATION_DAYS, settings.KEY_KEEP_DAYS = 30, 35
    first = ring().active
    turn_clock(ring().active_since + 30 * DAY - timedelta(minutes=1))
    rotation.tick()
    assert ring().active == first
    replaced = turn_clock(timedelta(minutes=2))
    rotation.tick()
    assert ring().active != first
    assert rewrap.in_use() == [ring().active]
    turn_clock(replaced + 35 * DAY - timedelta(minutes=1))
    settings.KEY_ROTATION_DAYS = 300
    rotation.tick()
    assert first in ring().keys
    turn_clock(timedelta(minutes=2))
    rotation.tick()
    assert first in ring().retired
    assert all_open(desk)


def test_without_a_schedule_nothing_is_rotated_or_destroyed(desk, settings, turn_clock):
    settings.KEY_ROTATION_DAYS = 0
    old = ring().active
    rotation.rotate(**BY)
    active = ring().active
    turn_clock(1000 * DAY)
    rotation.tick()
    assert (ring().active, list(ring().keys)) == (active, [old, active])


def test_a_tick_ends_what_a_killed_rotation_has_begun_a_bit_at_a_time(desk, settings, monkeypatch):
    settings.KEY_ROTATION_DAYS = 0
    monkeypatch.setattr(rotation, "AT_ONCE", 3)
    rotation._activate("system:test")
    rotation.tick()
    assert len(rewrap.in_use()) == 2
    rotation.tick()
    rotation.tick()
    assert rewrap.in_use() == [ring().active]


def test_a_replaced_key_is_kept_for_minutes_at_least(desk, settings, turn_clock):
    settings.KEY_ROTATION_DAYS, settings.KEY_KEEP_DAYS = 30, 0
    first = ring().active
    turn_clock(31 * DAY)
    rotation.tick()
    assert first in ring().keys
    turn_clock(rotation.GRACE)
    rotation.tick()
    assert first not in ring().keys


def test_a_host_with_an_old_copy_of_the_ring_rotates_nothing_and_says_what_to_copy(
    desk, ring_file, settings, turn_clock
):
    settings.KEY_ROTATION_DAYS = 30
    copy = ring_file.read_bytes()
    rotation.rotate(**BY)
    new, all_keys = ring().active, ring_file.read_bytes()
    ring_file.write_bytes(copy)
    turn_clock(31 * DAY)
    for deed in (rotation.tick, lambda: rotation.rotate(**BY), lambda: rotation.prepare(**BY)):
        with pytest.raises(ImproperlyConfigured, match=f"^KEY_RING: .*lacks the key {new}.*Copy the file"):
            deed()
    assert ring_file.read_bytes() == copy
    assert rewrap.in_use() == [new]
    ring_file.write_bytes(all_keys)
    assert all_open(desk)


def test_also_before_a_data_key_tells_a_host_does_not_rotate_beside_another(key, ring_file, settings, turn_clock):
    settings.KEY_ROTATION_DAYS = 30
    copy = ring_file.read_bytes()
    rotation._activate("system:test")
    new = ring().active
    ring_file.write_bytes(copy)
    turn_clock(31 * DAY)
    with pytest.raises(ImproperlyConfigured, match=f"lacks the key {new}"):
        rotation.tick()
    assert ring_file.read_bytes() == copy


def test_of_two_hosts_with_one_folder_one_rotates(desk, settings, turn_clock, monkeypatch):
    settings.KEY_ROTATION_DAYS = 30
    turn_clock(31 * DAY)
    real = rotation._activate

    def another_was_faster(*args, **kwargs):
        monkeypatch.setattr(rotation, "_activate", real)
        rotation.tick()
        return real(*args, **kwargs)

    monkeypatch.setattr(rotation, "_activate", another_was_faster)
    rotation.tick()
    assert len(ring().keys) == 2


def test_a_ring_that_cannot_be_written_is_one_line_and_changes_nothing(
    desk, ring_file, settings, monkeypatch, turn_clock
):
    settings.KEY_ROTATION_DAYS = 30
    turn_clock(31 * DAY)
    before = ring_file.read_bytes()

    def read_only(*_args):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", read_only)
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: .*Read-only file system.*Nothing was changed\.$"):
        rotation.tick()
    assert ring_file.read_bytes() == before
    assert told("vault.key_activated") == []
    assert [file.name for file in ring_file.parent.iterdir() if "ring" in file.name and file.suffix != ".lock"] == [
        ring_file.name
    ]
    assert all_open(desk)


# --- what is wrong with a ring ----------------------------------------------------------------------------------------


def test_a_ring_in_order_is_no_problem_and_asks_little(desk, django_assert_max_num_queries):
    rotation.rotate(**BY)
    with django_assert_max_num_queries(3):
        assert rotation.problem() is None


def test_the_ring_of_another_desk_is_noticed(desk, ring_file):
    ring_file.unlink()
    DataKey.objects.filter(destroyed_at=None).update(ring_key="0123456789abcdef")
    keys._create(ring_file)
    assert "lacks the key 0123456789abcdef" in rotation.problem()


def test_a_ring_whose_key_was_exchanged_is_noticed(desk, ring_file):
    content = json.loads(ring_file.read_text())
    content["keys"][content["active"]]["key"] = base64.b64encode(os.urandom(32)).decode()
    ring_file.write_text(json.dumps(content))
    assert "does not open" in rotation.problem()


def test_one_damaged_data_key_stops_nobody(desk):
    first = DataKey.objects.filter(destroyed_at=None).order_by("pk").first()
    DataKey.objects.filter(pk=first.pk).update(wrapped=b"\x01" + os.urandom(60))
    assert rotation.problem() is None


def test_a_missing_ring_is_a_problem_in_its_own_words(desk, ring_file):
    ring_file.unlink()
    assert rotation.problem().startswith("KEY_RING: there is no key ring")


def test_an_old_backup_under_a_destroyed_key_is_a_problem(desk):
    old = list(DataKey.objects.values())
    rotation.rotate(**BY)
    rotation.retire(**BY)
    for row in old:
        DataKey.objects.filter(pk=row["id"]).update(**row)
    assert "old backup" in rotation.problem()


# --- until when backups can be read -----------------------------------------------------------------------------------


def test_what_was_destroyed_is_readable_in_backups_until_its_ring_key_goes(key, settings, turn_clock):
    settings.KEY_ROTATION_DAYS, settings.KEY_KEEP_DAYS = 30, 35
    since = ring().active_since
    seal.destroy(key)
    assert rotation.readable_in_backups_until(key) == InBackups(readable=True, until=since + 65 * DAY)
    replaced = turn_clock(since + 10 * DAY)
    rotation.rotate(**BY)
    assert rotation.readable_in_backups_until(key) == InBackups(readable=True, until=replaced + 35 * DAY)
    late = turn_clock(50 * DAY)
    assert rotation.readable_in_backups_until(key).until == late, "it is due, and no worker has run"
    rotation.retire(**BY)
    assert rotation.readable_in_backups_until(key) == InBackups(readable=False, until=late)


def test_by_hand_there_is_no_date(key, settings):
    settings.KEY_ROTATION_DAYS = 0
    seal.destroy(key)
    assert rotation.readable_in_backups_until(key) == InBackups(readable=True, until=None)
    rotation.rotate(**BY)
    assert rotation.readable_in_backups_until(key) == InBackups(readable=True, until=None)


def test_under_a_key_that_the_ring_never_had_nothing_is_readable(key, django_assert_num_queries):
    key.ring_key = uuid.uuid4().hex[:16]
    with django_assert_num_queries(0):
        assert rotation.readable_in_backups_until(key) == InBackups(readable=False, until=None)
