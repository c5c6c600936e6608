"""Distances from a date, in days. Pure functions."""

from collections.abc import Iterable


def reached(left: int, distances: Iterable[int]) -> int | None:
    """The distance that is reached with so many days left (below 0: it is over): the smallest that is not below them.
    None: none is yet."""
    return min((distance for distance in distances if distance >= left), default=None)


def is_news(stage: int | None, told: int | None) -> bool:
    """Whether somebody is to be told of `stage` who was last told of `told` (None: of nothing)."""
    return stage is not None and (told is None or stage < told)


def kept(stage: int | None, told: int | None) -> int | None:
    """What to remember as told: a date that has moved away is told of anew."""
    return None if told is None or stage is None else max(told, stage)
