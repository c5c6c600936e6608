"""What the list of cases offers for many at once: it keeps the cases that were chosen, or all that match the list as it
is filtered, and goes on to the page that shows what would be done (`bulk_page`)."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.contrib.admin.options import IS_POPUP_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure import bulk
from erasure.models import Case

from .bulk_words import WORDS
from .shared import DeskPages, demand

SELECTED, ALL = "selected", "all"


def demand_deed(request: HttpRequest, deed: str) -> None:
    """Called at every stage of bulk work: preparing, starting, stopping, exporting. 403 for whoever may not do it."""
    demand(request, bulk.VIEW)
    demand(request, bulk.DEEDS[deed].permission)


class BulkForm(ActionForm):
    """The bar above the list. All that match are asked of the database again, by the list's own address: no page holds
    their numbers, and nobody counts them first."""

    which = forms.ChoiceField(
        label=gettext_lazy("For:"),
        required=False,
        choices=[
            (SELECTED, gettext_lazy("the selected cases")),
            (ALL, gettext_lazy("all cases that match this list")),
        ],
    )
    field_order = ("action", "which", "select_across")

    def clean(self) -> None:
        if self.cleaned_data.get("which") == ALL:
            self.cleaned_data["select_across"] = True


class BulkActions(DeskPages):
    """What the list of cases adds to the desk's pages."""

    action_form = BulkForm

    class Media:
        css: ClassVar = {"all": ["erasure/bulk.css"]}

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if IS_POPUP_VAR in request.GET:
            return {}
        mine = {name: deed for name, deed in bulk.DEEDS.items() if request.user.has_perm(deed.permission)}
        return super().get_actions(request) | {
            f"{name}_cases": (_prepares(name), f"{name}_cases", WORDS[name].offer) for name in mine
        }

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST" and request.POST.get("which") == ALL:
            # Django asks for something ticked, also where all are meant.
            posted = request.POST.copy()
            posted.setdefault(ACTION_CHECKBOX_NAME, ALL)
            request.POST = posted  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)

    def prepare_bulk(self, request: HttpRequest, deed: str, cases: QuerySet[Case]) -> HttpResponse | None:
        demand_deed(request, deed)
        job = bulk.prepare(deed, cases, by=request.user)
        if job is None:
            messages.warning(request, _("No case matches. Nothing was done."))
            return None
        return redirect("admin:erasure_bulkjob_change", job.pk)


def _prepares(deed: str) -> Callable[..., HttpResponse | None]:
    return lambda pages, request, cases: pages.prepare_bulk(request, deed, cases)
