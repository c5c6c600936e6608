"""The list of events and the page of one: read, filter, download; nothing else."""

from typing import Any, NoReturn

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compliance import formats
from compliance.audit import seal
from compliance.audit.actions import accounts_in, summarise
from compliance.audit.bundle import public_keys
from compliance.audit.models import Event
from compliance.audit.record import actor_names
from compliance.staff.lookups import PlainLookups

from .export_page import ExportPage
from .filters import ActionFilter, ActorFilter, BoundedPaginator, SealedFilter, SubjectFilter, actor_word
from .panel import panel
from .proof import faults, proof_of


def _accounts(event: Event) -> set[str]:
    """The accounts to name. A canonical text that somebody damaged names none, and hides no page."""
    try:
        return accounts_in(event)
    except (ValueError, LookupError, TypeError, AttributeError):
        return {event.actor}


class EventChangeList(ChangeList):
    """Looks up the names of all accounts on a page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names = actor_names(set().union(*map(_accounts, self.result_list)))
        for event in self.result_list:
            event.names = names


@admin.register(Event)
class EventAdmin(ExportPage, PlainLookups, admin.ModelAdmin):
    place = 100
    empty_list = _(
        "The trail is empty. Whatever is done in the desk writes an event here, and nothing ever changes one."
    )
    list_display = ("when", "in_log", "action", "case", "by", "summary")
    list_filter = (SealedFilter, ActorFilter, ActionFilter, SubjectFilter, ("at", admin.DateFieldListFilter))
    list_select_related = ("leaf",)
    search_fields = ("case__exact",)
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    fields = ("when", "action", "case", "subject", "by", "summary", "event_id", "canonical", "leaf_hash")
    readonly_fields = fields

    # --- what is shown

    @admin.display(description=_("time"))
    def when(self, event: Event) -> str:
        return formats.moment(event.at)

    @admin.display(description=_("index"))
    def in_log(self, event: Event) -> str:
        leaf = getattr(event, "leaf", None)
        if leaf is not None:
            return str(leaf.index)
        return format_html(
            '<span class="desk-badge desk-waiting"><span aria-hidden="true">◔</span> {}</span>', _("not yet sealed")
        )

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
        return actor_names(_accounts(event)) if found is None else found

    # --- who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def _demand_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    # --- pages

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("export/", view(self.export_view), name="audit_event_export"),
            path("who/", view(self.who_view), name="audit_event_who"),
            path("checkpoint/", view(self.checkpoint_view), name="audit_event_checkpoint"),
            path("checkpoint/<int:size>/", view(self.checkpoint_view), name="audit_event_checkpoint_at"),
            path("keys/", view(self.keys_view), name="audit_event_keys"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return super().get_search_results(request, queryset, search_term.strip().upper())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._demand_view(request)
        shown = {"panel": panel(), "may_export": self.may_export(request)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        event = context["original"]
        proof = proof_of(event)
        context |= {"proof": proof, "faults": faults(event, proof)}
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, *args: Any, **kwargs: Any) -> NoReturn:
        """An event never changes: there is no history of it."""
        raise Http404

    def who_view(self, request: HttpRequest) -> HttpResponse:
        """From the box above the list: an account's name becomes the filter for its actor word. The other filters of
        the list come along."""
        self._demand_view(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        text = request.POST.get("who", "").strip()
        asked = QueryDict(request.POST.get("list", "").removeprefix("?"), mutable=True)
        asked.pop("actor", None)
        word = actor_word(text) if text else None
        if word:
            asked["actor"] = word
        elif text:
            messages.error(
                request,
                gettext("No account has the name “%s”. The trail also knows parts of the desk, such as system:worker.")
                % text[:150],
            )
        return redirect(f"{reverse('admin:audit_event_changelist')}?{asked.urlencode()}".rstrip("?"))

    # --- what an auditor keeps

    def checkpoint_view(self, request: HttpRequest, size: int | None = None) -> HttpResponse:
        """The newest signed checkpoint, or the one of a size."""
        self._demand_view(request)
        found = seal.newest() if size is None else seal.at_size(size)
        if found is None:
            raise Http404
        return _text(found.note, f"checkpoint-{found.size}.txt")

    def keys_view(self, request: HttpRequest) -> HttpResponse:
        """The public keys on record, one a line, oldest first. Makes none: this is a GET."""
        self._demand_view(request)
        keys = public_keys()
        if not keys:
            raise Http404
        return _text(keys, "audit-key.txt")


def _text(content: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="text/plain; charset=utf-8", headers=headers)
