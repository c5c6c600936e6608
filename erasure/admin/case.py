"""Cases: the list, the form that opens one, the page of one, and the small posts that change it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from compliance.audit import export
from compliance.audit.actions import EXPORTED
from compliance.audit.record import actor_of, record
from erasure import intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Identifier, PlanRevision, SubTask
from erasure.reveal import reveal
from erasure.states import CaseStatus, RevisionStatus, SubTaskStatus

from .bulk import BulkActions
from .case_page import REQUESTER_LABELS, CasePage, due_badge
from .deeds import CASE_DEEDS, WORK_DEEDS, Deed, Failed, form_of
from .filters import AttentionFilter, DueFilter, HandlerFilter, VendorFilter
from .forms import AmendForm, FindForm, IdentifierRows, OpeningForm, ReasonForm, identifier_kinds
from .shared import FoundByReference, badge, demand, put_problems, status_badge, tell_errors, telling

TEMPLATES = "admin/erasure/case"


@admin.register(Case)
class CasePages(BulkActions, FoundByReference):
    list_display = ("reference", "kind", "regime", "state", "received", "due", "attention", "handler")
    list_filter = ("status", "kind", "regime", DueFilter, AttentionFilter, HandlerFilter, VendorFilter)
    list_select_related = ("handler",)
    search_fields = ("reference",)
    ordering = ("-created_at", "-id")
    place = 10

    # --- permissions: what may be opened and seen; what may be done is each deed's own

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.open_case")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        work = SubTask.objects.filter(case=OuterRef("pk"))
        hand = (SubTaskStatus.AWAITING_IDENTIFIER, SubTaskStatus.AWAITING_ATTESTATION)
        return (
            super()
            .get_queryset(request)
            .annotate(
                needs_attention=Exists(work.filter(status=SubTaskStatus.NEEDS_ATTENTION)),
                waits_for_person=Exists(work.filter(status__in=hand)),
                waiting_plan=Subquery(
                    PlanRevision.objects.filter(
                        case=OuterRef("pk"),
                        status=RevisionStatus.OPEN,
                        case__status__in=(CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS),
                        case__cancelled_at=None,
                    ).values("number")[:1]
                ),
            )
        )

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, case: Case) -> str:
        shown = status_badge(CaseStatus(case.status))
        return format_html("{} {}", shown, badge("warn", "‖", _("on hold"))) if case.held_at else shown

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, case: Case) -> Any:
        return case.received_on

    @admin.display(description=gettext_lazy("due"), ordering="due_on")
    def due(self, case: Case) -> str:
        return due_badge(case)

    @admin.display(description=gettext_lazy("attention"))
    def attention(self, case: Any) -> str:
        shown = []
        if case.needs_attention:
            shown.append(badge("bad", "!", _("needs attention")))
        elif case.waits_for_person:
            shown.append(badge("warn", "☐", _("waits for a person")))
        if case.waiting_plan and case.status == CaseStatus.IN_PROGRESS:  # of a first plan, the status says it
            shown.append(badge("warn", "◔", _("plan %(number)s awaits approval") % {"number": case.waiting_plan}))
        return format_html_join(" ", "{}", ((item,) for item in shown)) or "–"

    # --- addresses

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"erasure_case_{name}")

        return [
            at("find/", self.find_view, "find"),
            at("<uuid:pk>/edit/", self.edit_view, "edit"),
            at("<uuid:pk>/act/<slug:name>/", require_POST(self.act_view), "act"),
            at("<uuid:pk>/work/<uuid:sub_task>/<slug:name>/", require_POST(self.work_view), "work"),
            at("<uuid:pk>/reveal/", require_POST(self.reveal_view), "reveal"),
            at("<uuid:pk>/trail.csv", self.trail_view, "trail"),
            *super().get_urls(),
        ]

    def _page(self, request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context})

    # --- opening a case

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        demand(request, "erasure.open_case")
        given = request.POST if request.method == "POST" else None
        form = OpeningForm(given)
        rows = IdentifierRows(given, prefix="identifiers", form_kwargs={"kinds": identifier_kinds()})
        if given is not None:
            if "_submit" in given:
                demand(request, "erasure.submit_case")
            both = [form.is_valid(), rows.is_valid()]
            if all(both) and (case := self._open(request, form, rows)):
                return redirect("admin:erasure_case_change", case.pk)
        may_submit = request.user.has_perm("erasure.submit_case")
        return self._page(request, "open.html", _("Open a case"), form=form, rows=rows, may_submit=may_submit)

    def _open(self, request: HttpRequest, form: OpeningForm, rows: Any) -> Case | None:
        """The case, or None with the problems at their fields."""
        filled = rows.filled()
        try:
            case = intake.open_case(form.opening([row for _number, row in filled]), by=request.user)
        except Invalid as error:
            others = rows.put_problems(error.problems, [number for number, _row in filled])
            put_problems(form, others, form.pointers())
            return None
        except Conflict as error:
            form.add_error("external_id", error.text)
            return None
        messages.success(request, _("%(case)s was opened as a draft.") % {"case": case.reference})
        if "_submit" in request.POST:
            with telling(request, CASE_DEEDS["submit"].done):
                lifecycle.submit(case, by=request.user)
        return case

    # --- changing a draft

    def edit_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.view_case")
        demand(request, "erasure.open_case")
        case = self._case(pk)
        given = request.POST if request.method == "POST" else None
        if case.status != CaseStatus.DRAFT:
            messages.error(request, _("Only a draft can be changed. Nothing was changed."))
            return redirect("admin:erasure_case_change", pk)
        with telling(request):
            form = AmendForm(given, case=case)
            if given is None or not form.is_valid() or not self._amend(request, case, form):
                return self._page(request, "open.html", _("Change the draft"), form=form, original=case, crumb=True)
        return redirect("admin:erasure_case_change", pk)

    def _amend(self, request: HttpRequest, case: Case, form: AmendForm) -> bool:
        """Whether the form was taken; if not, the problems stand at their fields."""
        try:
            changed = intake.amend(case, form.opening([]), by=request.user)
        except Invalid as error:
            put_problems(form, error.problems, form.pointers())
            return False
        done = _("The draft was changed, and the plan has been drawn again. Another person must approve it.")
        messages.success(request, done if changed else _("Nothing was changed."))
        return True

    # --- the page of a case

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return self._shown(request, self._case(object_id))

    def _shown(self, request: HttpRequest, case: Case, failed: Failed | None = None) -> TemplateResponse:
        """The page of a case, with a form that was not taken as it was sent. What was typed stands on this page alone:
        in no address, no session and no message."""
        if failed:
            tell_errors(request, failed.form)
            for name in failed.form.errors:
                if name in failed.form.fields:
                    failed.form.fields[name].widget.attrs["autofocus"] = True
                    break
        page = CasePage(case, request.user, failed).context()
        response = self._page(request, "change_form.html", case.reference, original=case, **page)
        response.status_code = 422 if failed else 200
        return response

    def _case(self, pk: str | UUID) -> Case:
        try:
            number = UUID(str(pk))
        except ValueError:
            raise Http404 from None
        cases = Case.objects.select_related("data_key", "opened_by", "handler", "duplicate_of")
        return get_object_or_404(cases, pk=number)

    # --- the posts

    def act_view(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        case = self._case(pk)
        return self._do(request, case, name, CASE_DEEDS.get(name), case)

    def work_view(self, request: HttpRequest, pk: UUID, sub_task: UUID, name: str) -> HttpResponse:
        case = self._case(pk)
        work = get_object_or_404(case.sub_tasks.select_related("case", "vendor"), pk=sub_task)
        return self._do(request, case, name, WORK_DEEDS.get(name), work)

    def _do(self, request: HttpRequest, case: Case, name: str, deed: Deed | None, about: Any) -> HttpResponse:
        if deed is None:
            raise Http404
        demand(request, "erasure.view_case")
        demand(request, deed.permission)
        form = form_of(deed, name, about, request.POST)
        if form.is_valid():
            try:
                with telling(request):
                    said = deed.run(about, request.user, form.cleaned_data)
                    messages.success(request, said or deed.done)
            except Invalid as error:
                put_problems(form, error.problems, {f"/{field}": field for field in form.fields})
        if form.errors:
            return self._shown(request, self._case(case.pk), Failed(name, about, form))
        return redirect("admin:erasure_case_change", case.pk)

    def reveal_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Shows one identifier, or the requester, once. The only post that is answered with a page."""
        demand(request, "erasure.view_case")
        demand(request, "erasure.reveal_identifier")
        case = self._case(pk)
        what: Identifier | Case = case
        if number := request.POST.get("identifier"):
            what = get_object_or_404(_identifiers(case), pk=_uuid(number))
        form = ReasonForm(request.POST, auto_id=False)
        if not form.is_valid():
            return self._shown(request, case, Failed("reveal", number or "", form))
        with telling(request):
            shown = reveal(what, by=request.user, reason=form.cleaned_data["reason"])
            values = [(REQUESTER_LABELS.get(name, name.replace("_", " ")), text) for name, text in shown.items()]
            return self._page(request, "revealed.html", _("Revealed"), original=case, values=values)
        return redirect("admin:erasure_case_change", case.pk)  # type: ignore[unreachable]  # telling takes an error

    # --- looking a person up, and the trail of one case

    def find_view(self, request: HttpRequest) -> HttpResponse:
        demand(request, "erasure.view_case")
        form = FindForm(request.POST if request.method == "POST" else None)
        found = None
        if form.is_bound and form.is_valid():
            kind, value = form.cleaned_data["kind"], form.cleaned_data["value"]
            try:
                by_external = kind == FindForm.EXTERNAL
                found = intake.find_by_external_id(value) if by_external else intake.find_by_identifier(kind, value)
            except Invalid as error:
                form.add_error("value", error.text)
        shown = None
        if found is not None:
            shown = [(case, status_badge(CaseStatus(case.status)), due_badge(case)) for case in found]
        return self._page(request, "find.html", _("Find a person"), form=form, found=shown)

    def trail_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        """What the page shows of the trail, as CSV. Leaves an event of its own, after what is exported."""
        demand(request, "erasure.view_case")
        demand(request, "audit.export_event")
        case = self._case(pk)
        lines = list(export.csv_lines(export.rows(case=case.reference)))
        with transaction.atomic():
            record(EXPORTED, actor=actor_of(request.user), case=case.reference, format="csv", count=len(lines) - 1)
        response = StreamingHttpResponse((line.encode() for line in lines), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{case.reference}.csv"'
        return response


def _identifiers(case: Case) -> QuerySet[Identifier]:
    return case.identifiers.select_related("case__data_key")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
