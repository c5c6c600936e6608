"""The list of cases: its queues, filters and rows."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from erasure.models import Case

from . import rows
from .absences import lines as absence_lines
from .bulk import BulkActions
from .filters import AttentionFilter, DueFilter, HandlerFilter, VendorFilter
from .find import FindPages
from .imports import Imports
from .queues import QUEUES, counts
from .reports import Reports
from .standing import due_badge, state_badges
from .suppression import SuppressionPages
from .walk import Walk, Walked

TEMPLATES = "admin/erasure/case"


class CaseWalk(Walk):
    """The list, or one of its queues (`?queue=`): then of that queue's cases, the one that is due first on top. A
    queue that does not exist is none: the list is whole, and no queue is marked."""

    beside = ("queue",)

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Case]:
        self.queue = QUEUES.get(self.params.get("queue", ""))
        found: QuerySet[Case] = super().get_queryset(request, *args, **kwargs)
        return found.filter(self.queue.holds(request.user)) if self.queue else found

    def usual_order(self, request: HttpRequest) -> Sequence[Any]:
        return ("due_on",) if self.queue else super().usual_order(request)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        held = counts(request.user)
        offered = [queue for queue in QUEUES.values() if queue.slug != "my-approval" or _may_approve(request)]
        self.queues = [
            {"queue": queue, "count": held[queue.slug], "address": self._to(queue.slug), "current": queue == self.queue}
            for queue in offered
        ]
        self.all_cases = self._to(None)
        self.stands_in = absence_lines(request.user) if self.queue and self.queue.slug == "my-approval" else []

    def complete(self, cases: list[Any]) -> None:
        rows.complete(cases)

    def _to(self, slug: str | None) -> str:
        """The address of a queue: what narrows the list stays, its order is the queue's own."""
        return self.get_query_string({"queue": slug, ORDER_VAR: None})


def _may_approve(request: HttpRequest) -> bool:
    return request.user.has_perm("erasure.approve_case")


class CaseList(BulkActions, Imports, Reports, SuppressionPages, FindPages, Walked):
    # First what work begins with: on a narrow screen the rest is out of sight.
    list_display = (
        "reference",
        "state",
        "due",
        "attention",
        "vendors_progress",
        "kind",
        "regime",
        "received",
        "handler",
    )
    list_filter = ("status", DueFilter, "kind", "regime", AttentionFilter, HandlerFilter, VendorFilter)
    list_select_related = ("handler",)
    search_fields = ("reference",)
    ordering = ("-created_at", "-id")
    sortable_by = ("reference", "received", "due")
    change_list_template = f"{TEMPLATES}/change_list.html"
    empty_list = _("There is no case yet.")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in DueFilter.NAMES or super().lookup_allowed(lookup, value, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CaseWalk

    @admin.display(description=_("status"))
    def state(self, case: Case) -> str:
        return state_badges(case)

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, case: Case) -> Any:
        return case.received_on

    @admin.display(description=_("due"), ordering="due_on")
    def due(self, case: Case) -> str:
        return due_badge(case)

    @admin.display(description=_("vendors"))
    def vendors_progress(self, case: Case) -> str:
        return rows.progress(case)

    @admin.display(description=_("attention"))
    def attention(self, case: Case) -> str:
        return rows.attention(case)

    def _page(self, request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context})
