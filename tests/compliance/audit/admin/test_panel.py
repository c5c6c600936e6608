from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance import clock
from compliance.audit import seal
from compliance.audit.admin.panel import panel
from compliance.audit.models import Anchor
from tests.compliance.audit.hand import by_hand


@pytest.fixture
def folder(settings, tmp_path):
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    return settings.AUDIT_ANCHOR[0]


def test_an_empty_trail_says_so(listed):
    page = listed()
    assert "nothing yet" in page
    assert "Download the newest checkpoint" not in page
    assert "Public keys" not in page


def test_it_says_how_far_the_trail_is_sealed(listed, tell, turn_clock):
    for _number in range(3):
        tell()
    seal.seal()
    newest = seal.newest()
    turn_clock(timedelta(hours=2, minutes=5))
    page = listed()
    assert f"{newest.size} events" in page
    assert f"index 0 to {newest.size - 1}" in page
    assert f"{newest.at:%Y-%m-%d %H:%M:%S}, 2\xa0hours ago" in page
    assert newest.root[:16] in page
    assert newest.note.splitlines()[0] in page
    assert "Download the newest checkpoint" in page


def test_it_says_how_many_are_not_sealed_and_warns_when_they_wait(listed, tell, turn_clock):
    seal.public_keys()
    seal.seal()
    event = tell()
    tell()
    turn_clock(event.at + timedelta(seconds=60))
    page = listed()
    assert "2 events</span>" in page
    assert f"since {event.at:%Y-%m-%d %H:%M:%S}" in page
    assert "running?" not in page
    turn_clock(timedelta(seconds=1))
    assert "Is <code>manage.py work</code> running? Is the signing key" in listed()


def test_it_says_what_was_left_out_of_the_log(listed, tell):
    tell()
    assert "left out" not in listed()
    by_hand(canonical="{}")
    tell()
    with pytest.raises(seal.LogDamaged):
        seal.seal()
    page = listed()
    assert "1 event left out</span>" in page
    assert "somebody put them into the database by hand" in page


def test_an_hour_after_the_last_seal_nothing_is_wrong_if_nothing_waits(listed, tell, turn_clock):
    tell()
    seal.seal()
    turn_clock(timedelta(hours=1))
    assert "running?" not in listed()


def test_a_trail_that_is_anchored_nowhere_is_told_what_to_set(listed, tell):
    tell()
    seal.seal()
    assert "Set <code>AUDIT_ANCHOR</code>" in listed()


def test_it_says_what_is_anchored_where_and_how_much_is_not(listed, tell, folder):
    tell()
    seal.seal()
    assert folder in (page := listed())
    assert "Set <code>AUDIT_ANCHOR</code>" not in page
    size = seal.newest().size
    Anchor.objects.create(size=size, place=folder, at=clock.now())
    assert "all events are anchored there" in listed()
    tell()
    assert "1 newer event is not anchored there" in listed()
    seal.seal()
    tell()
    page = listed()
    assert f"{size} events" in page
    assert "2 newer events are not anchored there" in page


def test_a_place_that_the_settings_have_lost_and_one_that_has_fallen_behind_are_named(
    listed, tell, folder, settings, turn_clock
):
    tell()
    seal.seal()
    Anchor.objects.create(size=seal.newest().size, place="file:///former", at=clock.now())
    page = listed()
    assert "file:///former" in page
    assert "The settings no longer name this place." in page
    turn_clock(timedelta(days=1))
    assert "It has fallen behind" in listed()


def test_a_row_beyond_the_log_is_told(listed, tell, folder):
    tell()
    seal.seal()
    Anchor.objects.create(size=10**9, place=folder, at=clock.now())
    page = listed()
    assert "The log is shorter than the 1000000000 events anchored there" in page
    assert "all events are anchored there" not in page


def test_a_handful_of_queries_is_all_it_takes(tell, folder):
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as seen:
            panel()
        return [query["sql"] for query in seen]

    tell()
    seal.seal()
    Anchor.objects.create(size=1, place=folder, at=clock.now())
    few = queries()
    for _number in range(50):
        tell()
    assert len(queries()) == len(few) <= 13
    assert not [sql for sql in few if "COUNT(" in sql and "audit_pendingevent" not in sql]
