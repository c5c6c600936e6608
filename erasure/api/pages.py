"""Cursor pages: `{"results", "next", "previous"}`. A cursor names the row that the page begins after, so a page stays
what it is when rows are added before it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Q, QuerySet
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from erasure.errors import Invalid


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    next: str | None
    previous: str | None

    def shown(self, results: Any) -> dict[str, Any]:
        return {"results": results, "next": self.next, "previous": self.previous}


def page(
    request: Request,
    found: QuerySet[Any],
    *,
    by: Sequence[str],
    limit: int,
    cursor: str = "",
    newest_first: bool = False,
) -> Page:
    """The page that `cursor` names. `by` are fields that together are unique; their order is the order of the list.
    Raises Invalid for a cursor that no page gave out."""
    back, place = _read(cursor, found, by) if cursor else (False, [])
    falling = newest_first != back
    if place:
        found = found.filter(_beyond(by, place, "lt" if falling else "gt"))
    rows = list(found.order_by(*(f"-{name}" if falling else name for name in by))[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    if back:
        rows.reverse()
    has_next, has_previous = (bool(rows), more) if back else (more, bool(place and rows))
    return Page(
        rows,
        next=link(request, "next", *_texts(rows[-1], by)) if has_next else None,
        previous=link(request, "previous", *_texts(rows[0], by)) if has_previous else None,
    )


def link(request: Request, direction: str, *place: str) -> str:
    """The address of the page that begins beyond a place, in that direction."""
    cursor = base64.urlsafe_b64encode(json.dumps([direction, *place]).encode()).decode()
    return str(replace_query_param(request.build_absolute_uri(), "cursor", cursor))


def read_cursor(cursor: str) -> tuple[bool, list[Any]]:
    """Whether it leads back, and its place: of values that may be anything. Raises Invalid for what is no cursor."""
    try:
        direction, *place = json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
        return {"next": False, "previous": True}[direction], place
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise bad_cursor() from None


def bad_cursor() -> Invalid:
    return Invalid([("/cursor", _("This cursor is not one that a page gave out for this list."))])


EARLIEST, LATEST = 1900, 9000  # years; beyond them databases and zones disagree


def _beyond(by: Sequence[str], place: Sequence[Any], way: str) -> Q:
    beyond, same = Q(), Q()
    for name, value in zip(by, place, strict=True):
        beyond |= same & Q(**{f"{name}__{way}": value})
        same &= Q(**{name: value})
    return beyond


def _texts(row: Any, by: Sequence[str]) -> list[str]:
    values = [getattr(row, name) for name in by]
    return [value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values]


def _read(cursor: str, found: QuerySet[Any], by: Sequence[str]) -> tuple[bool, list[Any]]:
    back, texts = read_cursor(cursor)
    try:
        return back, [_value(found, name, text) for name, text in zip(by, texts, strict=True)]
    except (ValueError, TypeError, OverflowError, ValidationError):
        raise bad_cursor() from None


def _value(found: QuerySet[Any], name: str, text: Any) -> Any:
    field = found.model._meta.get_field(name)
    if not isinstance(field, Field) or not isinstance(text, str) or "\0" in text:
        raise TypeError
    text.encode()  # half a surrogate pair must not reach the database
    value = field.to_python(text)
    if hasattr(value, "tzinfo") and (is_naive(value) or not EARLIEST < value.year < LATEST):
        raise ValueError
    return value
