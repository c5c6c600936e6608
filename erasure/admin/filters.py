"""The filters of the list of cases that the fields alone do not give. What an address asks for and no filter knows
matches nothing: a list that is narrowed by mistake must not look whole."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compliance import clock
from erasure.models import Case, Identifier, PlanRevision, SubTask, Vendor
from erasure.states import CaseStatus, IdentifierState, RevisionStatus, SubTaskStatus

from .standing import DUE_SOON
from .walk import Chip

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOST_OFFERED = 50  # handlers, vendors


class DueFilter(admin.ListFilter):
    """When an answer is due, of the cases that are not answered yet: overdue, soon, on one day, or between two. The
    days are given in a small form of their own."""

    title = _("answer due")
    template = "admin/erasure/case/due_filter.html"
    NAMES = ("due", "due_on", "due_from", "due_to")

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: params.pop(name)[-1].strip() for name in self.NAMES if name in params}
        self.given = {name: text for name, text in given.items() if text}
        self.days = {name: _day(text) for name, text in self.given.items() if name != "due"}
        self.shown = {name: day.isoformat() for name, day in self.days.items() if day}
        self.error = self._wrong()
        self.hidden: list[tuple[str, str]] = []

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.NAMES)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if not self.given:
            return queryset
        if self.error or self.given.get("due", "soon") not in dict(self._words()):
            return queryset.none()
        today, due = clock.today(), Case.unanswered()
        match self.given.get("due"):
            case "overdue":
                due &= Q(due_on__lt=today)
            case "soon":
                due &= Q(due_on__range=(today, today + DUE_SOON))
        for name, lookup in (("due_on", "due_on"), ("due_from", "due_on__gte"), ("due_to", "due_on__lte")):
            if name in self.days:
                due &= Q(**{lookup: self.days[name]})
        return queryset.filter(due)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        nothing = dict.fromkeys(self.NAMES)
        others = {name: values for name, values in changelist.filter_params.items() if name not in self.NAMES}
        self.hidden = [(name, value) for name, values in others.items() for value in values]
        yield self._choice(changelist, nothing, gettext("All"), not self.given)
        for word, label in self._words():
            yield self._choice(changelist, {**nothing, "due": word}, label, self.given.get("due") == word)

    def chip(self, walk: Any) -> Chip:
        words = dict(self._words())
        said = [str(words.get(self.given["due"], gettext("unknown")))] if "due" in self.given else []
        texts = {"due_on": gettext("on %(day)s"), "due_from": gettext("from %(day)s"), "due_to": gettext("to %(day)s")}
        days = [(texts[name], day) for name, day in self.days.items()]
        said += [text % {"day": day.isoformat()} if day else gettext("unknown") for text, day in days]
        return Chip(self.title, ", ".join(said), walk.get_query_string(dict.fromkeys(self.NAMES)))

    def _choice(self, changelist: Any, asked: dict[str, Any], label: Any, selected: bool) -> dict[str, Any]:
        return {"selected": selected, "query_string": changelist.get_query_string(asked), "display": label}

    def _words(self) -> list[tuple[str, Any]]:
        return [("overdue", _("overdue")), ("soon", _("due within %(days)s days") % {"days": DUE_SOON.days})]

    def _wrong(self) -> str:
        if None in self.days.values():
            return gettext("This is not a day, such as 2026-11-21. Nothing is shown.")
        since, until = self.days.get("due_from"), self.days.get("due_to")
        if since and until and until < since:
            return gettext("The last day is before the first one. Nothing is shown.")
        return ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None


class AttentionFilter(admin.SimpleListFilter):
    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("approval", _("a plan awaits approval")),
            ("proposal", _("a suggestion awaits a decision")),
            ("needed", _("needs attention")),
            ("person", _("waits for a person")),
            ("unanswered", _("ended, not answered yet")),
            ("none", _("none of these")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        conditions = _waits()
        match self.value():
            case None:
                return queryset
            case "none":
                for condition in conditions.values():
                    queryset = queryset.filter(~condition)
                return queryset
            case "person":
                return queryset.filter(conditions["person"], ~conditions["needed"])
            case word:
                return queryset.filter(conditions[word]) if word in conditions else queryset.none()


def _waits() -> dict[str, Q]:
    """What a case can wait for, by the filter's words."""
    mine = {"case": OuterRef("pk")}
    still = Q(closed_at=None)  # follows from the rest, but saves reading all that has ended
    by_hand = (SubTaskStatus.AWAITING_IDENTIFIER, SubTaskStatus.AWAITING_ATTESTATION)
    under_way = Q(status__in=(CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS), cancelled_at=None)
    return {
        "approval": still & under_way & Q(Exists(PlanRevision.objects.filter(status=RevisionStatus.OPEN, **mine))),
        "proposal": still & Q(Exists(Identifier.objects.filter(state=IdentifierState.PROPOSED, **mine))),
        # Also of a case that is closed, where a vendor was asked again. There are never many.
        "needed": Q(pk__in=SubTask.objects.filter(status=SubTaskStatus.NEEDS_ATTENTION).order_by().values("case")),
        "person": still & Q(Exists(SubTask.objects.filter(status__in=by_hand, **mine))),
        "unanswered": Case.unanswered() & Q(closed_at__isnull=False),
    }


class HandlerFilter(admin.SimpleListFilter):
    title = _("handler")
    parameter_name = "handler"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        # Of open cases, by one look at their index for each account: a join would read every case.
        one = Case.objects.filter(handler=OuterRef("pk"), closed_at=None).order_by("due_on", "pk").values("pk")[:1]
        people = get_user_model()._default_manager.exclude(username=request.user.get_username())
        handlers = people.filter(is_staff=True).annotate(handles=Subquery(one)).filter(handles__isnull=False)
        named = handlers.order_by("username").values_list("pk", "username")[:MOST_OFFERED]
        return [("me", _("me")), ("nobody", _("nobody")), *((str(pk), name) for pk, name in named)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        match self.value():
            case None:
                return queryset
            case "me":
                return queryset.filter(handler=request.user.pk)
            case "nobody":
                return queryset.filter(handler=None)
            case number:
                known = number.isascii() and number.isdigit() and len(number) < 10
                return queryset.filter(handler=int(number)) if known else queryset.none()


class VendorFilter(admin.SimpleListFilter):
    title = _("vendor")
    parameter_name = "vendor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Vendor.objects.values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if self.value() is None:
            return queryset
        vendor = Vendor.objects.filter(slug=self.value()).values_list("pk", flat=True).first()
        if vendor is None:
            return queryset.none()
        return queryset.filter(Exists(SubTask.objects.filter(case=OuterRef("pk"), vendor=vendor)))
