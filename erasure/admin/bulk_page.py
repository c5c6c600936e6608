"""The page of one piece of bulk work: what would be done, how far it is, and what came of it, row by row."""

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.audit.export import guard
from compliance.audit.record import actor_of
from compliance.staff.fresh import demand_fresh
from erasure import bulk
from erasure.models import BulkJob, BulkRow
from erasure.reports import chosen
from erasure.states import BulkDeed, BulkStatus, RowResult

from .bulk import demand_deed
from .bulk_rows import contents, result_badge, summary_lines
from .bulk_words import WORDS, ExportForm, form_of
from .shared import LOOKS, ReadOnly, badge, demand, telling

ROWS = 100  # on a page
OPEN = "open"  # the name, in an address, of rows that have no result yet


@admin.register(BulkJob)
class BulkPages(ReadOnly):
    list_display = ("what", "state", "person", "created_at", "started_at", "ended_at")
    list_display_links = ("what",)
    list_filter = ("deed", "status")
    list_select_related = ("person",)
    place = 25

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(bulk.VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkJob]:
        """What somebody else has prepared and not started is theirs alone."""
        found: QuerySet[BulkJob] = super().get_queryset(request)
        return found.filter(Q(person=request.user) | ~Q(status=BulkStatus.PREPARED))

    def trail_of(self, job: BulkJob) -> dict[str, str]:
        return {"subject": str(job)}

    @admin.display(description=gettext_lazy("what is done"), ordering="deed")
    def what(self, job: BulkJob) -> Any:
        return WORDS[job.deed].title

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, job: BulkJob) -> str:
        return badge(*LOOKS[job.status], BulkStatus(job.status).label)

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"erasure_bulkjob_{name}")

        return [
            at("<uuid:pk>/stop/", self.stop_view, "stop"),
            at("<uuid:pk>/progress/", self.progress_view, "progress"),
            at("<uuid:pk>/results.csv", self.results_view, "results"),
            *super().get_urls(),
        ]

    def _job(self, request: HttpRequest, pk: str | UUID) -> BulkJob:
        demand(request, bulk.VIEW)
        try:
            number = UUID(str(pk))
        except ValueError:
            number = UUID(int=0)
        return get_object_or_404(self.get_queryset(request).select_related("person"), pk=number)

    # --- the page; posted, it starts

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        job = self._job(request, object_id)
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        form = form_of(job, request.POST if request.method == "POST" else None)
        if request.method == "POST":
            demand_deed(request, job.deed)
            if job.deed == BulkDeed.APPROVE:
                demand_fresh(request)
            if form.is_valid():
                if isinstance(form, ExportForm):
                    return self._exported(request, job, form)
                with telling(request):
                    bulk.start(job, by=request.user, given=form.cleaned_data)
                return redirect("admin:erasure_bulkjob_change", job.pk)
        return self._shown(request, job, form)

    def _shown(self, request: HttpRequest, job: BulkJob, form: Any) -> TemplateResponse:
        words, counts = WORDS[job.deed], job.counts()
        rows = job.rows.select_related("case")
        total, left = sum(counts.values()), counts[""]
        only = request.GET.get("result") or (OPEN if job.is_prepared and left else "all")
        if only == OPEN or only in RowResult.values:
            rows = rows.filter(result="" if only == OPEN else only)
        page = Paginator(rows, ROWS).get_page(request.GET.get("p"))
        deed = bulk.DEEDS[job.deed]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": words.title,
            "job": job,
            "words": words,
            "trail": "" if job.is_prepared else self.trail(request, job),
            "state": self.state(job),
            "button": words.button % {"count": left},
            "form": form,
            "may_start": job.is_prepared and left and request.user.has_perm(deed.permission),
            "may_stop": job.is_running and request.user.has_perm(deed.permission),
            "may_do": request.user.has_perm(deed.permission),
            "reads": deed.reads,
            "at_once": left <= bulk.SMALL,
            "most": bulk.MOST_AT_ONCE,
            "total": total,
            "left": left,
            "decided": total - left,
            "told": _told(job, total - left, total),
            "heading": _heading(job),
            "foretold": _foretold(left, total - left) if job.is_prepared else "",
            "counts": _links(job, counts),
            "reasons": _reasons(job),
            "summary": summary_lines(job),
            "page": page,
            "rows": contents(job, page.object_list),
            "only": only,
        }
        request.current_app = self.admin_site.name
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/erasure/bulkjob/page.html", context, status=status)

    # --- the other posts, and what is read by machines

    def stop_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        job = self._job(request, pk)
        if request.method == "POST":
            demand_deed(request, job.deed)
            with telling(request, _("Stopped. What was done stays done; the rest was left as it was.")):
                bulk.stop(job, by=request.user)
        return redirect("admin:erasure_bulkjob_change", pk)

    def progress_view(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        job = self._job(request, pk)
        counts = job.counts()
        decided = sum(counts.values()) - counts[""]
        told = _told(job, decided, decided + counts[""])
        return JsonResponse(
            {"decided": decided, "told": told, "running": job.is_running}, headers={"Cache-Control": "no-store"}
        )

    def results_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        """The result of each row as CSV: references, words of the desk, nothing personal."""
        job = self._job(request, pk)
        return _download((line.encode() for line in _lines(job)), f"{job.deed}-{job.created_at:%Y-%m-%d}.csv")

    def _exported(self, request: HttpRequest, job: BulkJob, form: ExportForm) -> StreamingHttpResponse:
        """The register or the trail of the cases, on record before it can be read."""
        what, bom = form.cleaned_data["what"], form.cleaned_data["format"] == "excel"
        export = chosen.register_lines if what == ExportForm.REGISTER else chosen.trail_lines
        lines = export(job, actor=actor_of(request.user), bom=bom)
        return _download((line.encode() for line in lines), f"{what}.csv")


def _told(job: BulkJob, decided: int, total: int) -> str:
    """How far it is, in a sentence."""
    return _("%(decided)s of %(total)s cases have a result.") % {"decided": decided, "total": total}


def _foretold(left: int, skipped: int) -> str:
    said = ngettext("It would be done in %(count)s case.", "It would be done in %(count)s cases.", left)
    text = said % {"count": left}
    if skipped:
        said = ngettext("%(count)s case is skipped.", "%(count)s cases are skipped.", skipped)
        text += " " + said % {"count": skipped}
    return text


def _heading(job: BulkJob) -> str:
    """Above the sums."""
    if bulk.DEEDS[job.deed].about:
        return _("The vendor work that it is about")
    return _("What will be done") if job.is_prepared else _("What was to be done")


def _links(job: BulkJob, counts: dict[str, int]) -> list[dict[str, Any]]:
    """Result → how many, as links that show these rows alone."""
    future = _("to be done") if job.is_running or job.is_prepared else _("not done")
    names = {"": future, **{result.value: result.label for result in RowResult}}
    return [
        {"name": result or OPEN, "label": names[result], "count": count} for result, count in counts.items() if count
    ]


def _reasons(job: BulkJob) -> list[dict[str, Any]]:
    """Why rows were skipped or failed, or what was remarked of done ones, the most frequent first."""
    found = job.rows.exclude(text="").order_by().values("result", "text").annotate(count=Count("pk"))
    return [
        {"badge": result_badge(row["result"]), "text": row["text"], "count": row["count"]}
        for row in found.order_by("-count", "text")
    ]


def _lines(job: BulkJob) -> Iterator[str]:
    """With a byte order mark: people open it in a spreadsheet, and what Excel takes for Latin 1 it garbles."""
    writer: Any = csv.writer(_Echo())
    yield "\ufeff"
    yield writer.writerow(("case", "result", "reason"))
    rows: QuerySet[BulkRow] = job.rows.order_by("number")
    found = rows.values_list("case__reference", "result", "text")
    for reference, result, text in found.iterator(1000):
        yield writer.writerow((reference or "", result or OPEN, guard(text)))


class _Echo:
    def write(self, text: str) -> str:
        return text


def _download(content: Iterator[bytes], name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
