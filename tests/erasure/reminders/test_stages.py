"""Distances from a date."""

from hypothesis import given, settings
from hypothesis import strategies as st

from erasure.reminders.stages import is_news, kept, reached

distances = st.lists(st.integers(0, 60), max_size=6, unique=True)


@settings(deadline=None)
@given(distances, st.integers(-400, 400))
def test_the_distance_that_is_reached_is_the_nearest_that_is_not_below_what_is_left(given_, left):
    stage = reached(left, given_)
    if stage is None:
        assert all(distance < left for distance in given_)
    else:
        assert stage in given_
        assert stage >= left
        assert not any(left <= distance < stage for distance in given_)


@settings(deadline=None)
@given(distances, st.integers(0, 80), st.data())
def test_every_distance_is_told_once_and_days_without_anybody_are_made_up_for_with_one(given_, begins, data):
    told, news = None, []
    awake = []
    for left in range(begins, -5, -1):
        if not data.draw(st.booleans(), label=f"somebody looks {left} days before"):
            continue
        awake.append(left)
        stage = reached(left, given_)
        told = kept(stage, told)
        if is_news(stage, told):
            news.append(stage)
            told = stage
        assert told == stage, "whoever looked knows how far it is"
    assert len(news) == len(set(news))
    assert news == sorted(news, reverse=True)
    assert set(news) == {reached(left, given_) for left in awake} - {None}


@settings(deadline=None)
@given(distances.filter(bool), st.data())
def test_a_date_that_moves_away_is_told_of_anew(given_, data):
    """Each time that it comes nearer to a distance than it was since it was last farther away."""
    told = None
    before: int | None = None
    for left in data.draw(st.lists(st.integers(-3, 80), max_size=30)):
        stage = reached(left, given_)
        told = kept(stage, told)
        expected = stage is not None and (before is None or stage < before)
        assert is_news(stage, told) == expected
        told, before = stage, stage
