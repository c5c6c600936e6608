"""Cases: the form that opens one, the page of one, and the small posts that change it."""

from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _

from compliance.staff.fresh import demand_fresh
from erasure import intake, lifecycle
from erasure.errors import Conflict, Invalid, Unavailable
from erasure.models import Case, Identifier
from erasure.reveal import reveal
from erasure.states import CaseStatus

from .case_list import TEMPLATES, CaseList
from .case_page import REQUESTER_LABELS, CasePage, live, with_escalation
from .deed import Deed
from .deed_forms import ReasonForm
from .deeds import CASE_DEEDS, WORK_DEEDS, Failed, form_of
from .forms import AmendForm, IdentifierRows, OpeningForm, identifier_kinds
from .letters import Letters
from .shared import demand, put_problems, tell_errors, telling


def _posted(view: Any) -> Any:
    """A view that takes posts. A form that was not taken leaves its address in the browser: whoever loads that again
    comes to the case's page."""

    @wraps(view)
    def wrapped(pages: Any, request: HttpRequest, pk: UUID, **where: Any) -> HttpResponse:
        if request.method == "POST":
            answer: HttpResponse = view(pages, request, pk, **where)
            return answer
        if request.method in ("GET", "HEAD"):
            return redirect("admin:erasure_case_change", pk)
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])

    return wrapped


@admin.register(Case)
class CasePages(Letters, CaseList):
    place = 10

    # --- permissions: what may be opened and seen; what may be done is each deed's own

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.open_case")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- addresses

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"erasure_case_{name}")

        return [
            at("<uuid:pk>/edit/", self.edit_view, "edit"),
            at("<uuid:pk>/act/<slug:name>/", self.act_view, "act"),
            at("<uuid:pk>/work/<uuid:sub_task>/<slug:name>/", self.work_view, "work"),
            at("<uuid:pk>/reveal/", self.reveal_view, "reveal"),
            at("<uuid:pk>/live/", self.live_view, "live"),
            *super().get_urls(),
        ]

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
        except Unavailable as error:
            form.add_error(None, error.text)
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
        page = CasePage(case, request.user, failed, request.GET.get("show", "")).context()
        response = self._page(request, "change_form.html", case.reference, original=case, **page)
        response.status_code = 422 if failed else 200
        return response

    def live_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """What the page of a case follows it by: its parts, drawn again, or 304 where nothing has changed."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        show = request.GET.get("show", "")
        mark = live.mark(pk, request.user, show)
        response = get_conditional_response(request, etag=mark)
        if response is None:
            page = CasePage(self._case(pk), request.user, show=show).context()
            response = TemplateResponse(request, f"{TEMPLATES}/live.html", page)
        response["ETag"] = mark
        return response

    def _case(self, pk: str | UUID) -> Case:
        try:
            number = UUID(str(pk))
        except ValueError:
            raise Http404 from None
        cases = Case.objects.select_related(
            *("data_key", "opened_by", "handler", "duplicate_of", "replays"),
            *("shredding", "shredding__asked_by", "shredding__approved_by"),
        )
        return get_object_or_404(with_escalation(cases), pk=number)

    # --- the posts

    @_posted
    def act_view(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        case = self._case(pk)
        return self._do(request, case, name, CASE_DEEDS.get(name), case)

    @_posted
    def work_view(self, request: HttpRequest, pk: UUID, sub_task: UUID, name: str) -> HttpResponse:
        case = self._case(pk)
        work = get_object_or_404(case.sub_tasks.select_related("case", "vendor"), pk=sub_task)
        return self._do(request, case, name, WORK_DEEDS.get(name), work)

    def _do(self, request: HttpRequest, case: Case, name: str, deed: Deed | None, about: Any) -> HttpResponse:
        if deed is None:
            raise Http404
        demand(request, "erasure.view_case")
        demand(request, deed.permission)
        if deed.fresh:
            demand_fresh(request)
        form = form_of(deed, name, about, request.POST, request.FILES)
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

    @_posted
    def reveal_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Shows one identifier, or the requester, once. The only post that is answered with a page."""
        demand(request, "erasure.view_case")
        demand(request, "erasure.reveal_identifier")
        demand_fresh(request)
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


def _identifiers(case: Case) -> QuerySet[Identifier]:
    return case.identifiers.select_related("case__data_key")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
