"""The trail in pages: sealed events by their index, then those that are not sealed yet by their number."""

from typing import NamedTuple

from .export import Row, Selection, rows_at, tail_ids
from .models import Leaf


class Place(NamedTuple):
    """Where a row is: in the log, or in the tail after it."""

    in_tail: bool
    number: int


class Page(NamedTuple):
    """Rows with their places, in order, and whether there are more beyond them in the direction of the walk."""

    rows: list[tuple[Place, Row]]
    more: bool


def page(
    selection: Selection,
    size: int,
    limit: int,
    *,
    after: Place | None = None,
    before: Place | None = None,
) -> Page:
    """At most `limit` rows beyond `after`, or the last ones short of `before`, in the log of `size` leaves and then its
    tail. `after_index` asks for sealed rows alone."""
    places = _back(selection, size, limit + 1, before) if before else _on(selection, size, limit + 1, after)
    more = len(places) > limit
    places = places[-limit:] if before else places[:limit]
    indexes = [place.number for place in places if not place.in_tail]
    rows = rows_at(indexes, [place.number for place in places if place.in_tail])
    return Page(list(zip(places, rows, strict=True)), more)


def _on(selection: Selection, size: int, count: int, after: Place | None) -> list[Place]:
    found = []
    if after is None or not after.in_tail:
        first = max(selection.first, after.number + 1) if after else selection.first
        found = _leaves(selection, first, size, count)
    last = after.number if after and after.in_tail else 0
    if len(found) < count and selection.after_index is None:
        tail = tail_ids(selection, size, count - len(found), after=last)
        found += [Place(True, number) for number in tail]
    return found


def _back(selection: Selection, size: int, count: int, before: Place) -> list[Place]:
    tail: list[Place] = []
    if before.in_tail and selection.after_index is None:
        tail = [Place(True, number) for number in tail_ids(selection, size, count, before=before.number)]
    end = size if before.in_tail else min(before.number, size)
    return _leaves(selection, selection.first, end, count - len(tail), last=True) + tail


def _leaves(selection: Selection, first: int, end: int, count: int, *, last: bool = False) -> list[Place]:
    """The first `count` of the selected leaves first … end - 1, or with `last` the last ones."""
    found = Leaf.objects.filter(index__gte=first, index__lt=end, **selection.filters("event__"))
    indexes = list(found.order_by("-index" if last else "index").values_list("index", flat=True)[:count])
    return [Place(False, index) for index in (reversed(indexes) if last else indexes)]
