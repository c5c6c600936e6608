"""What the trail page can say of each place."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from compliance import clock
from compliance.audit.anchor import anchor_all, standing
from compliance.audit.models import Anchor, Checkpoint

Sealed = Callable[[], Checkpoint]


def test_there_is_nothing_to_say_without_a_place(db: None) -> None:
    assert standing() == []


def test_a_place_shows_its_newest_checkpoint_and_when(settings: Any, folder: Path, sealed: Sealed) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    (before,) = standing()
    assert (before.size, before.at, before.stale, before.configured, before.trouble) == (None, None, False, True, "")
    sealed()
    anchor_all(sealed())
    newest = sealed()
    anchor_all(newest)
    (place,) = standing()
    assert (place.place, place.size) == (f"file://{folder}", newest.size)
    assert place.at == Anchor.objects.get(size=newest.size).at


def test_a_place_is_stale_when_what_it_lacks_has_waited_for_long(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Callable[[timedelta], Any]
) -> None:
    settings.AUDIT_ANCHOR, settings.AUDIT_ANCHOR_MINUTES = [f"file://{folder}"], 20
    turn_clock(timedelta())
    anchor_all(sealed())
    turn_clock(timedelta(days=9))
    assert not standing()[0].stale, "nothing has happened that it could lack"
    sealed()
    turn_clock(timedelta(minutes=119))
    sealed()
    assert not standing()[0].stale
    turn_clock(timedelta(minutes=2))
    assert standing()[0].stale
    settings.AUDIT_ANCHOR_MINUTES = 0
    assert standing()[0].stale, "an hour at least, however often it is due"
    anchor_all(sealed())
    assert not standing()[0].stale


def test_a_place_that_the_settings_no_longer_name_is_shown_and_not_stale(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Callable[[timedelta], Any]
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    made = sealed()
    anchor_all(made)
    Anchor.objects.create(place="https://hooks.example", size=made.size, at=clock.now())
    settings.AUDIT_ANCHOR = ["file:///new"]
    sealed()
    turn_clock(timedelta(days=9))
    assert [(place.place, place.size, place.configured, place.stale) for place in standing()] == [
        ("file:///new", None, True, True),
        (f"file://{folder}", made.size, False, False),
        ("https://hooks.example", made.size, False, False),
    ]


def test_a_row_beyond_the_log_is_an_alarm_and_stands_for_nothing(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Callable[[timedelta], Any]
) -> None:
    """Somebody made the row up, or the log behind it is gone."""
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    made = sealed()
    anchor_all(made)
    assert standing()[0].alarm == ""
    for place in (f"file://{folder}", "https://hooks.example"):
        Anchor.objects.create(place=place, size=10**9, at=clock.now())
    sealed()
    turn_clock(timedelta(days=9))
    here, former = standing()
    assert (here.size, here.stale, former.size) == (made.size, True, None)
    for place in (here, former):
        assert place.alarm.startswith("The log is shorter than the 1000000000 events anchored there: ")
