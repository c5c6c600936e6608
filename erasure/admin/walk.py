"""Lists that are walked from row to row and never counted: a page is asked for by the row that it follows, so that the
ten-thousandth costs what the first does."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import BooleanField, F, Func, Model, QuerySet, Value
from django.http import HttpRequest
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _

from .shared import FoundByReference

AFTER, BEFORE = "after", "before"
MARK = "~"  # between the value and the key of a place; no value that is sorted by holds one


class Beyond(Func):
    """Whether a row stands beyond a place, as one comparison of pairs, which an index answers."""

    output_field = BooleanField()

    def __init__(self, field: str, place: "Place", *, rising: bool, model: type[Model]) -> None:
        column: Any = model._meta.get_field(field)
        super().__init__(F(field), F("pk"), Value(place.value, column), Value(place.pk, model._meta.pk))
        self.sign = ">" if rising else "<"

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> tuple[str, Any]:
        parts = [compiler.compile(part) for part in self.get_source_expressions()]
        sql = "({}, {}) {sign} ({}, {})".format(*(part[0] for part in parts), sign=self.sign)
        return sql, tuple(value for part in parts for value in part[1])


class Place(NamedTuple):
    """Where a row stands in the order of a list: the value that it is sorted by, and its key."""

    value: Any
    pk: Any

    def __str__(self) -> str:
        value = self.value.isoformat() if hasattr(self.value, "isoformat") else self.value
        return f"{value}{MARK}{self.pk}"

    @classmethod
    def read(cls, text: str, field: Any, pk: Any) -> "Place | None":
        """What an address says; None where it says nothing that can be a place."""
        value, mark, key = text[:200].partition(MARK)
        try:
            place = cls(field.to_python(value), pk.to_python(key))
            if isinstance(place.value, datetime):
                if is_naive(place.value):
                    return None
                place = place._replace(value=place.value.astimezone(UTC))
        except (ValidationError, ValueError, OverflowError):
            return None
        return place if mark and None not in place else None


class Chip(NamedTuple):
    """A filter that is set: what by, to what, and the address of the list without it."""

    title: Any
    value: Any
    without: str


class Walk(ChangeList):
    """A list of Django's admin that fetches one row more than a page holds, and counts nothing. It is sorted by one
    column, of those in `sortable_by`, which have an index with the key behind them."""

    #: Parameters of the address that are no filters: they stay when filters are removed.
    beside: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        self.asked: dict[str, str] = getattr(self, "asked", {})
        for name in (AFTER, BEFORE):
            if name in self.params:
                self.asked[name] = self.params.pop(name)
                del self.filter_params[name]
        queryset: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        return queryset

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in self.beside}

    # --- the order

    def usual_order(self, request: HttpRequest) -> Sequence[Any]:
        """What the list is sorted by where its address asks for nothing; the first column alone is looked at."""
        return self.model_admin.get_ordering(request)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        asked = self._order_asked(self.params.get(ORDER_VAR, "")) or self.usual_order(request)[0]
        self.rising, self.sorted_by = not asked.startswith("-"), asked.lstrip("-")
        sign = "" if self.rising else "-"
        return [f"{sign}{self.sorted_by}", f"{sign}pk"]

    def _order_asked(self, text: str) -> str:
        """The first column asked for, as a field's name with its sign; empty if that cannot be."""
        sign, number = ("-", text[1:]) if text.startswith("-") else ("", text)
        number = number.partition(".")[0]
        if not (number.isascii() and number.isdigit() and len(number) < 3 and int(number) < len(self.list_display)):
            return ""
        column = self.list_display[int(number)]
        field = self.get_ordering_field(column) if column in self._sortable() else None
        return f"{sign}{field}" if field else ""

    def _sortable(self) -> Sequence[Any]:
        return self.sortable_by or ()

    def get_ordering_field_columns(self) -> dict[int, Any]:
        """For the signs in the head of the table."""
        columns = enumerate(self.list_display)
        sign = "asc" if self.rising else "desc"
        return {
            number: sign
            for number, column in columns
            if column in self._sortable() and self.get_ordering_field(column) == self.sorted_by
        }

    # --- the page

    def get_results(self, request: HttpRequest) -> None:
        places = {name: self._place(text) for name, text in self.asked.items()}
        after, before = places.get(AFTER), places.get(BEFORE)
        rows = self._page(after, before)
        if before and len(rows) < self.list_per_page:
            after = before = None  # near the beginning: the first page whole, not a stump of it
            rows = self._page(None, None)
        more = len(rows) > self.list_per_page
        rows = rows[-self.list_per_page :] if before else rows[: self.list_per_page]
        self.result_list = rows
        self.follows = self._address(AFTER, rows[-1]) if rows and (more or before) else ""
        self.precedes = self._address(BEFORE, rows[0]) if rows and ((before and more) or after) else ""
        self.begins = self.get_query_string() if after or before else ""
        # What Django's own templates and views ask for.
        self.result_count, self.full_result_count = len(rows), None
        self.show_full_result_count, self.show_admin_actions = False, True
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(rows, self.list_per_page)
        self.complete(rows)

    def complete(self, rows: list[Any]) -> None:
        """Looks up what the rows show beside their own columns, for all of the page at once."""

    def _page(self, after: Place | None, before: Place | None) -> list[Any]:
        """A page's rows and one more beyond them in the direction of the walk, in the order of the list."""
        queryset, rising = self.queryset, self.rising != bool(before)
        if before:
            queryset = queryset.reverse()
        if place := before or after:
            queryset = queryset.filter(Beyond(self.sorted_by, place, rising=rising, model=self.model))
        rows = list(queryset[: self.list_per_page + 1])
        return rows[::-1] if before else rows

    def _place(self, text: str) -> Place | None:
        return Place.read(text, self.model._meta.get_field(self.sorted_by), self.model._meta.pk)

    def _address(self, name: str, row: Any) -> str:
        return self.get_query_string({name: str(Place(getattr(row, self.sorted_by), row.pk))})

    # --- what narrows the list

    def chips(self) -> list[Chip]:
        """The filters that are set, each with the way out of it."""
        found = []
        for spec in self.filter_specs:
            if any(name in self.filter_params for name in spec.expected_parameters()):
                found.append(spec.chip(self) if hasattr(spec, "chip") else _chip(spec, self))
        if self.query:
            found.append(Chip(_("reference"), self.query, self.get_query_string({SEARCH_VAR: None})))
        return found

    @property
    def unfiltered(self) -> str:
        """The address of the list without any filter."""
        return self.get_query_string({SEARCH_VAR: None} | dict.fromkeys(self.get_filters_params()))


def _chip(spec: Any, walk: Walk) -> Chip:
    everything, *choices = spec.choices(walk)
    chosen = [choice["display"] for choice in choices if choice["selected"]]
    return Chip(spec.title, chosen[0] if chosen else _("unknown"), everything["query_string"])


class Walked(FoundByReference):
    """Pages whose list is walked. `sortable_by` names the columns with an index; the first of `ordering` is one of
    them."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER  # a facet counts the table
    change_list_template = "admin/erasure/walked_list.html"
    sortable_by: ClassVar[tuple[str, ...]] = ()
    empty_list: Any = ""  # what stands where there is no row at all

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Walk

    def matching(self, request: HttpRequest) -> QuerySet[Any]:
        """All rows that the list at the request's address would walk through, unsorted: its queue, filters and search.
        Raises Django's `IncorrectLookupParameters` for an address that is none."""
        found: QuerySet[Any] = self.get_changelist_instance(request).queryset
        return found.order_by()
