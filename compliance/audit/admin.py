"""The trail in the admin: read, filter, export; nothing else."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from compliance.staff.lookups import PlainLookups

from . import export
from .actions import ACTIONS, EXPORTED, accounts_in, summarise
from .models import Event
from .record import actor_names, actor_of, record


class ActionFilter(admin.SimpleListFilter):
    """The actions we know, from the code: asking the database for the distinct ones would read the whole trail."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(ACTIONS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class EventChangeList(ChangeList):
    """Looks up the names of all accounts on a page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names = actor_names({event.actor for event in self.result_list}.union(*map(accounts_in, self.result_list)))
        for event in self.result_list:
            event.names = names


@admin.register(Event)
class EventAdmin(PlainLookups, admin.ModelAdmin):
    place = 100
    list_display = ("at", "action", "case", "by", "summary")
    list_filter = (ActionFilter, ("at", admin.DateFieldListFilter))
    search_fields = ("case__exact",)
    search_help_text = _("A case reference in full, such as DSR-2026-000123.")
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    actions = None
    fields = ("at", "action", "case", "subject", "by", "summary", "event_id", "canonical", "leaf_hash")
    readonly_fields = fields

    @admin.display(description=_("by"))
    def by(self, event: Event) -> str:
        name = self._names(event).get(event.actor, event.actor)
        return name if name == event.actor else f"{name} ({event.actor})"

    @admin.display(description=_("what happened"))
    def summary(self, event: Event) -> str:
        return summarise(event, self._names(event))

    def _names(self, event: Event) -> dict[str, str]:
        """What to show for the accounts of an event; in a list they have been looked up for all rows at once."""
        found: dict[str, str] | None = getattr(event, "names", None)
        return actor_names(accounts_in(event)) if found is None else found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return super().get_search_results(request, queryset, search_term.strip().upper())

    def get_urls(self) -> list[URLPattern]:
        own = path("export/", self.admin_site.admin_view(self.export_view), name="audit_event_export")
        return [own, *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """What the list shows, filters and search included, as CSV. Leaves an event of its own."""
        if not request.user.has_perm("audit.export_event"):
            raise PermissionDenied
        try:
            events = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            raise SuspiciousOperation("filters that the list does not have") from None
        # Bounded by the newest event now: the export then holds what is counted, and not the event that tells of it.
        newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
        events = events.filter(id__lte=newest)
        with transaction.atomic():
            record(EXPORTED, actor=actor_of(request.user), format="csv", count=events.count())
        return StreamingHttpResponse(
            (line.encode() for line in export.csv_lines(export.as_rows(events))),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"},
        )
