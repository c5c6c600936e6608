"""Vendor work, calls and evidence, over all cases: to look at. What is done about them is done on the case's page."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from compliance.audit.record import actor_of, record
from compliance.vault.seal import Unreadable
from erasure import actions, evidence, planning
from erasure.models import Call, Case, Evidence, SubTask
from erasure.states import SubTaskStatus, Verdict

from .shared import FoundByReference, ReadOnly, demand, status_badge, step_label


def case_link(case: Case) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:erasure_case_change", args=[case.pk]), case.reference)


def verdict_badge(call: Call) -> SafeString | str:
    return status_badge(Verdict(call.verdict)) if call.verdict else gettext("under way")


@admin.register(SubTask)
class WorkPages(FoundByReference, ReadOnly):
    place = 20
    list_display = ("of_case", "vendor", "operation", "state", "told_step", "next_at", "proof")
    list_display_links = ("vendor",)
    list_filter = ("status", "vendor", "operation", "assurance")
    list_select_related = ("case", "vendor")
    search_fields = ("case__reference",)
    ordering = ("-created_at", "id")
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
        "attention_text",
        "sent_at",
        "committed_at",
        "ended_at",
    )

    @admin.display(description=_("case"), ordering="case__reference")
    def of_case(self, sub_task: SubTask) -> str:
        return case_link(sub_task.case)

    @admin.display(description=_("status"), ordering="status")
    def state(self, sub_task: SubTask) -> str:
        return status_badge(SubTaskStatus(sub_task.status))

    @admin.display(description=_("step"), ordering="step")
    def told_step(self, sub_task: SubTask) -> str:
        return sub_task.step_label if sub_task.step else "–"

    @admin.display(description=_("proof level"), ordering="assurance")
    def proof(self, sub_task: SubTask) -> str:
        return sub_task.get_assurance_display()

    @admin.display(description=_("why not simply sent"))
    def why(self, sub_task: SubTask) -> str:
        return planning.reason_text(sub_task.reason) or "–"

    @admin.display(description=_("vendor references"))
    def numbers(self, sub_task: SubTask) -> str:
        return format_html_join("", "{}: <code>{}</code><br>", sub_task.references.items()) or "–"


@admin.register(Call)
class CallPages(FoundByReference, ReadOnly):
    place = 40
    list_display = ("started_at", "vendor", "told_step", "attempt", "ended", "code", "status", "seconds")
    list_filter = ("verdict", "vendor", "writes")
    list_select_related = ("vendor",)
    search_fields = ("sub_tasks__case__reference",)
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

    @admin.display(description=_("step"), ordering="step")
    def told_step(self, call: Call) -> str:
        return step_label(call)

    @admin.display(description=_("verdict"), ordering="verdict")
    def ended(self, call: Call) -> str:
        return verdict_badge(call)

    @admin.display(description=_("answer"))
    def status(self, call: Call) -> str:
        return str(call.transcript.get("status") or "–")

    @admin.display(description=_("seconds"))
    def seconds(self, call: Call) -> str:
        return f"{call.transcript.get('elapsed', 0):.2f}"

    @admin.display(description=_("cases"))
    def cases(self, call: Call) -> str:
        found = Case.objects.filter(sub_tasks__calls=call).distinct()
        return format_html_join(", ", "{}", ((case_link(case),) for case in found))

    @admin.display(description=_("exchange, without secrets and personal data"))
    def exchange(self, call: Call) -> str:
        shown = json.dumps(call.transcript, indent=2, ensure_ascii=False)
        return format_html('<pre class="desk-pre">{}</pre>', shown)


@admin.register(Evidence)
class EvidencePages(FoundByReference, ReadOnly):
    place = 50
    list_display = ("created_at", "of_case", "kind", "name", "size", "keep_until", "removed_at")
    list_display_links = ("created_at", "name")
    list_filter = ("kind", "created_at")
    list_select_related = ("case",)
    search_fields = ("case__reference",)
    ordering = ("-created_at",)
    fields = ("of_case", "kind", "name", "size", "sha256", "counts", "created_at", "keep_until", "removed_at")

    @admin.display(description=_("case"))
    def of_case(self, item: Evidence) -> str:
        return case_link(item.case)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.download_view))
        return [path("<uuid:pk>/download/", view, name="erasure_evidence_download"), *super().get_urls()]

    def download_view(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """The plain file. Leaves an event before the first byte leaves."""
        demand(request, "erasure.download_evidence")
        item = Evidence.objects.select_related("case__data_key").filter(pk=pk).first()
        if item is None:
            raise Http404
        try:
            stream = evidence.open_evidence(item)
        except (FileNotFoundError, Unreadable) as error:
            gone = isinstance(error, FileNotFoundError)
            messages.error(request, _GONE if gone else _BROKEN)
            return redirect("admin:erasure_evidence_change", pk)
        with transaction.atomic():
            record(
                actions.EVIDENCE_DOWNLOADED,
                actor=actor_of(request.user),
                case=item.case.reference,
                subject=f"evidence:{item.pk}",
                kind=item.kind,
            )
        response = FileResponse(stream, as_attachment=True, filename=item.name, content_type="application/octet-stream")
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["may_download"] = request.user.has_perm("erasure.download_evidence")
        return super().render_change_form(request, context, *args, **kwargs)


_GONE = _("The content of this file has been removed; its size and hash remain.")
_BROKEN = _(
    "The sealed file could not be opened: it was changed, or its key is missing. Check the key ring (KEY_RING)."
)
