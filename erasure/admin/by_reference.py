"""Confirming by hand what a vendor did under one of its references, in every case that shares it: on the page of a
case, and from the list of vendor work."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure import lifecycle
from erasure.errors import Invalid
from erasure.models import SubTask, SubTaskIdentifier, Vendor
from erasure.states import ENDED, Outcome, SubTaskStatus

from .deed_forms import AttestReferenceForm
from .shared import demand, put_problems, status_badge, telling

MOST_SHOWN = 200
_FETCHED = "_fetched_shared"

# --- on the page of a case


def shared(sub_task: SubTask) -> dict[str, int]:
    """The vendor's references under which identifiers of it are pending → how many cases share each."""
    fetched: dict[str, int] | None = getattr(sub_task, _FETCHED, None)
    if fetched is not None:
        return fetched
    vendor, references = sub_task.vendor, sorted({*_pending(sub_task)} - {""})
    return {name: len({item.case_id for item in lifecycle.sharing(vendor, name)}) for name in references}


def fetch_shared(sub_tasks: Sequence[SubTask]) -> None:
    """Fetches what `shared` tells of each, at once, for a page that shows them."""
    pending = {sub_task.pk: sorted({*_pending(sub_task)} - {""}) for sub_task in sub_tasks}
    asked = {(sub_task.vendor_id, name) for sub_task in sub_tasks for name in pending[sub_task.pk]}
    cases = lifecycle.cases_sharing(asked)
    for sub_task in sub_tasks:
        found = {name: len(cases[sub_task.vendor_id, name]) for name in pending[sub_task.pk]}
        setattr(sub_task, _FETCHED, found)


def may_attest(sub_task: SubTask) -> bool:
    """Whether to confirm by reference is possible, and another thing than to confirm this one."""
    if sub_task.case.held_at or sub_task.status in {*ENDED, SubTaskStatus.RUNNING} or not any(_pending(sub_task)):
        return False
    cases = shared(sub_task)
    return {*_pending(sub_task)} != {*cases} or len(cases) > 1 or max(cases.values()) > 1


def label_of_one(sub_task: SubTask) -> str:
    return _("Confirm this one by hand") if any(_pending(sub_task)) else _("Confirm by hand")


def label_of_all(sub_task: SubTask) -> str:
    cases = shared(sub_task)
    if len(cases) != 1:
        return _("Confirm all that share a vendor reference")
    ((reference, number),) = cases.items()
    if number == 1:
        return _("Confirm all of %(reference)s") % {"reference": reference}
    return _("Confirm all %(cases)s cases that share %(reference)s") % {"cases": number, "reference": reference}


def attest(vendor: Vendor, reference: str, *, by: Any, **given: Any) -> str:
    """Confirms by reference; returns what to tell of it."""
    done = lifecycle.attest_reference(vendor, reference, by=by, **given)
    return " ".join(filter(None, (_told(done), left_out(vendor, reference))))


def left_out(vendor: Vendor, reference: str) -> str:
    """That cases which share the reference are left out because they are on hold; empty when none is."""
    cases = len({sub_task.case_id for sub_task in lifecycle.sharing(vendor, reference, on_hold=True)})
    if not cases:
        return ""
    text = ngettext(
        "%(cases)s case with this reference is on hold and left out: confirm it once it is released.",
        "%(cases)s cases with this reference are on hold and left out: confirm them once they are released.",
        cases,
    )
    return text % {"cases": cases}


def _told(done: list[SubTask]) -> str:
    cases = len({sub_task.case_id for sub_task in done})
    text = ngettext("Confirmed by hand in %(cases)s case.", "Confirmed by hand in %(cases)s cases.", cases)
    said = [text % {"cases": cases}]
    if going := sum(sub_task.status not in ENDED for sub_task in done):
        text = ngettext(
            "%(number)s of these parts goes on: it holds more than was confirmed.",
            "%(number)s of these parts go on: they hold more than was confirmed.",
            going,
        )
        said.append(text % {"number": going})
    return " ".join(said)


def _pending(sub_task: SubTask) -> list[str]:
    """For each identifier that is pending: the vendor's reference, or an empty text."""
    return [use.reference for use in sub_task.identifiers.all() if use.outcome == Outcome.PENDING]


# --- from the list of vendor work


class ByReference(admin.ModelAdmin):
    """Adds to the list of vendor work what awaits confirmation by hand, grouped by the vendors' references."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("references/", view(self.references_view), name="erasure_subtask_references"),
            path("references/<uuid:vendor>/", view(self.reference_view), name="erasure_subtask_reference"),
            *super().get_urls(),
        ]

    def references_view(self, request: HttpRequest) -> HttpResponse:
        self._demand_view(request)
        waiting = SubTask.objects.filter(lifecycle.attestable())
        uses = SubTaskIdentifier.objects.filter(outcome=Outcome.PENDING, sub_task__in=waiting).exclude(reference="")
        going = Q(sub_task__case__held_at=None)
        rows = uses.values("sub_task__vendor", "sub_task__vendor__name", "reference").annotate(
            cases=Count("sub_task__case", going, distinct=True),
            on_hold=Count("sub_task__case", ~going, distinct=True),
            attention=Count("sub_task", Q(sub_task__status=SubTaskStatus.NEEDS_ATTENTION), distinct=True),
            acting=Count("sub_task", Q(sub_task__status=SubTaskStatus.WAITING), distinct=True),
            since=Min("sub_task__committed_at"),
            until=Min("sub_task__next_at", filter=Q(sub_task__status=SubTaskStatus.AWAITING_ATTESTATION)),
        )
        shown = list(rows.order_by("since", "sub_task__vendor", "reference")[: MOST_SHOWN + 1])
        title = _("Awaiting confirmation by hand, by vendor reference")
        return self._page(request, "references.html", title, rows=shown[:MOST_SHOWN], more=len(shown) > MOST_SHOWN)

    def reference_view(self, request: HttpRequest, vendor: UUID) -> HttpResponse:
        """What one reference is about, and the form that confirms it. A reference is no personal data: it may stand in
        an address."""
        self._demand_view(request)
        account, reference = get_object_or_404(Vendor, pk=vendor), request.GET.get("reference", "")
        if "\0" in reference:
            reference = ""
        form = AttestReferenceForm(request.POST or None, request.FILES or None)
        if request.method == "POST":
            demand(request, "erasure.attest_subtask")
            if form.is_valid() and self._attested(request, account, reference, form):
                return redirect("admin:erasure_subtask_references")
        found = lifecycle.sharing(account, reference)
        works = SubTask.objects.select_related("case").prefetch_related("identifiers")
        works = works.filter(pk__in=[item.pk for item in found]).order_by("case__reference")
        context: dict[str, Any] = {
            "vendor": account,
            "reference": reference,
            "rows": [_row(sub_task, reference) for sub_task in works],
            "cases": len({item.case_id for item in found}),
            "left_out": left_out(account, reference),
            "form": form if request.user.has_perm("erasure.attest_subtask") else None,
        }
        response = self._page(request, "reference.html", _("Confirm by vendor reference"), **context)
        response.status_code = 422 if form.errors else 200
        return response

    def _attested(self, request: HttpRequest, vendor: Vendor, reference: str, form: AttestReferenceForm) -> bool:
        """Whether the form was taken; if not, the problems stand at their fields."""
        try:
            with telling(request):
                messages.success(request, attest(vendor, reference, by=request.user, **form.cleaned_data))
        except Invalid as error:
            put_problems(form, error.problems, {"/note": "note", "/file": "file", "/held": "held"})
        return not form.errors

    def _demand_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"admin/erasure/subtask/{template}", {**shown, **context})


def _row(sub_task: SubTask, reference: str) -> dict[str, Any]:
    pending = _pending(sub_task)
    mine = pending.count(reference)
    return {
        "case": sub_task.case,
        "badge": status_badge(SubTaskStatus(sub_task.status)),
        "confirmed": mine or len(pending),
        "left": len(pending) - mine if mine else 0,
    }
