"""Vendor work, calls and evidence, over all cases: to look at. What is done about them is done on the case's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from compliance import formats, language
from compliance.staff.fresh import demand_fresh
from erasure import codes, planning
from erasure.evidence import KINDS
from erasure.models import Call, CallSubTask, Case, Evidence, SubTask
from erasure.states import SubTaskStatus, Verdict

from .by_reference import ByReference
from .download import download
from .shared import ReadOnly, demand, references, shown_transcript, status_badge, step_label
from .walk import Walked


def case_link(case: Case) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:erasure_case_change", args=[case.pk]), case.reference)


def verdict_badge(call: Call) -> SafeString | str:
    return status_badge(Verdict(call.verdict)) if call.verdict else gettext("under way")


class ProofFilter(admin.ChoicesFieldListFilter):
    """By the name that the pages give it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("proof level")


class CauseFilter(admin.SimpleListFilter):
    """By the code of what needs attention. It is asked for by links: the codes are too many to be listed."""

    title = _("cause")
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        code = request.GET.get(self.parameter_name, "")
        return [(code, codes.label(code))] if code else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[SubTask]) -> QuerySet[SubTask]:
        asks = {"status": SubTaskStatus.NEEDS_ATTENTION, "attention_code": self.value()}
        return queryset.filter(**asks) if self.value() else queryset


@admin.register(SubTask)
class WorkPages(Walked, ByReference, ReadOnly):
    place = 20
    empty_list = _("No vendor work yet. A case brings one for each vendor of its plan: open a case first.")
    list_display = ("of_case", "vendor", "operation", "state", "told_step", "next_at", "proof")
    list_display_links = ("vendor",)
    list_filter = ("status", "vendor", "operation", ("assurance", ProofFilter), CauseFilter)
    list_select_related = ("case", "vendor")
    search_fields = ("case__reference",)
    ordering = ("-created_at", "-id")
    change_list_template = "admin/erasure/subtask/change_list.html"
    fields = (
        "of_case",
        "vendor",
        "operation",
        "state",
        "why",
        "told_step",
        "next_at",
        "expected_at",
        "proof",
        "numbers",
        "counters",
        "to_do",
        "sent_at",
        "committed_at",
        "ended_at",
    )

    def title_of(self, sub_task: SubTask) -> str:
        return f"{sub_task.case.reference}: {sub_task.vendor}, {sub_task.get_operation_display()}"

    def trail_of(self, sub_task: SubTask) -> dict[str, str]:
        return {"q": sub_task.case.reference, "subject": f"sub_task:{sub_task.pk}"}

    @admin.display(description=_("case"))
    def of_case(self, sub_task: SubTask) -> str:
        return case_link(sub_task.case)

    @admin.display(description=_("status"))
    def state(self, sub_task: SubTask) -> str:
        return status_badge(SubTaskStatus(sub_task.status))

    @admin.display(description=_("step"))
    def told_step(self, sub_task: SubTask) -> str:
        return sub_task.step_label if sub_task.step else "–"

    @admin.display(description=_("proof level"))
    def proof(self, sub_task: SubTask) -> str:
        return sub_task.get_assurance_display()

    @admin.display(description=_("why not simply sent"))
    def why(self, sub_task: SubTask) -> str:
        return planning.reason_text(sub_task.reason) or "–"

    @admin.display(description=_("what to do"))
    def to_do(self, sub_task: SubTask) -> str:
        return language.shown(sub_task.attention_text)

    @admin.display(description=_("vendor references"))
    def numbers(self, sub_task: SubTask) -> str:
        return format_html_join("", "{}: <code>{}</code><br>", sub_task.references.items()) or "–"


@admin.register(Call)
class CallPages(Walked, ReadOnly):
    place = 40
    empty_list = _(
        "No call was made yet. The worker makes the first once a plan is approved; each is written down here "
        "before it is sent."
    )
    list_display = ("started_at", "vendor", "told_step", "attempt", "ended", "code", "status", "seconds")
    list_filter = ("verdict", "vendor", "writes")
    list_select_related = ("vendor",)
    search_fields = ("sub_tasks__case__reference",)
    ordering = ("-started_at", "-id")
    sortable_by = ("started_at",)
    fields = (
        "vendor",
        "told_step",
        "writes",
        "attempt",
        "started_at",
        "finished_at",
        "ended",
        "code",
        "cases",
        "exchange",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        if not search_term.strip():
            return queryset, False
        parts = CallSubTask.objects.filter(sub_task__case__reference__in=references(search_term))
        return queryset.filter(pk__in=parts.values("call")), False

    def title_of(self, call: Call) -> str:
        at = formats.moment(call.started_at)
        return f"{call.vendor}: {step_label(call)}, {at}"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With whether the cases may be opened by whoever asks: a vendor manager reads their references alone."""
        call: Any = super().get_object(request, object_id, from_field)
        if call:
            call.opens_cases = request.user.has_perm("erasure.view_case")
        return call

    @admin.display(description=_("step"))
    def told_step(self, call: Call) -> str:
        return step_label(call)

    @admin.display(description=_("verdict"))
    def ended(self, call: Call) -> str:
        return verdict_badge(call)

    @admin.display(description=_("answer"))
    def status(self, call: Call) -> str:
        return str(call.transcript.get("status") or "–")

    @admin.display(description=_("seconds"))
    def seconds(self, call: Call) -> str:
        return f"{call.transcript.get('elapsed', 0):.2f}"

    @admin.display(description=_("cases"))
    def cases(self, call: Any) -> str:
        found = Case.objects.filter(sub_tasks__calls=call).distinct()
        return format_html_join(
            ", ", "{}", ((case_link(case) if call.opens_cases else case.reference,) for case in found)
        )

    @admin.display(description=_("exchange, without secrets and personal data"))
    def exchange(self, call: Call) -> str:
        return format_html('<pre class="desk-pre">{}</pre>', shown_transcript(call))


class KindFilter(admin.SimpleListFilter):
    """By the kinds of evidence that there are: the next one is looked up in the index, again and again, as the table is
    not to be read to its end."""

    title = _("kind")
    parameter_name = "kind"
    MOST = 8

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        kinds = [""]
        while len(kinds) <= self.MOST:
            following = Evidence.objects.filter(kind__gt=kinds[-1]).order_by("kind").values_list("kind", flat=True)
            if not (found := following[:1]):
                break
            kinds += found
        return [(kind, KINDS.get(kind, kind)) for kind in kinds[1:]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Evidence]) -> QuerySet[Evidence]:
        return queryset if self.value() is None else queryset.filter(kind=self.value())


@admin.register(Evidence)
class EvidencePages(Walked, ReadOnly):
    place = 50
    empty_list = _(
        "No evidence yet. What vendors deliver, and what people add when they confirm by hand, is listed "
        "here; nothing has to be done for it."
    )
    list_display = ("created_at", "of_case", "shown_kind", "name", "size", "keep_until", "removed_at")
    list_display_links = ("created_at", "name")
    list_filter = (KindFilter, "created_at")
    list_select_related = ("case",)
    search_fields = ("case__reference",)
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    fields = ("of_case", "shown_kind", "name", "size", "sha256", "counts", "created_at", "keep_until", "removed_at")

    def title_of(self, item: Evidence) -> str:
        return f"{item.case.reference}: {item.name}"

    def trail_of(self, item: Evidence) -> dict[str, str]:
        return {"q": item.case.reference, "subject": f"evidence:{item.pk}"}

    @admin.display(description=_("case"))
    def of_case(self, item: Evidence) -> str:
        return case_link(item.case)

    @admin.display(description=_("kind"))
    def shown_kind(self, item: Evidence) -> str:
        return str(KINDS.get(item.kind, item.kind))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.download_view))
        return [path("<uuid:pk>/download/", view, name="erasure_evidence_download"), *super().get_urls()]

    def download_view(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        demand(request, "erasure.download_evidence")
        demand_fresh(request)
        item = Evidence.objects.select_related("case__data_key", "data_key").filter(pk=pk).first()
        if item is None:
            raise Http404
        return download(request, item) or redirect("admin:erasure_evidence_change", pk)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["may_download"] = request.user.has_perm("erasure.download_evidence")
        return super().render_change_form(request, context, *args, **kwargs)
