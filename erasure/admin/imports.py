"""From the list of cases: opening many from a CSV file. An upload is looked at, accepted or thrown away, and its page
tells row by row what came of it. An import belongs to whoever uploaded it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance import clock, formats
from compliance.audit.record import actor_of
from compliance.vault.seal import Unreadable
from erasure import imports, intake
from erasure.models import Import
from erasure.normalise import mask
from erasure.states import ImportStatus, RowOutcome

from .queues import QUEUES
from .shared import badge, demand, telling

SHOWN_FIRST = 5  # rows of the file, masked
MOST_LISTED = 200  # of each kind of row in a preview
PER_PAGE = 100  # rows of a result
RECENT = 20
LOOKS = {
    ImportStatus.CHECKED: ("waiting", "◔"),
    ImportStatus.RUNNING: ("going", "▶"),
    ImportStatus.ENDED: ("good", "✓"),
    ImportStatus.DISCARDED: ("quiet", "⊘"),
    RowOutcome.OPENED: ("good", "✓"),
    RowOutcome.SKIPPED: ("quiet", "–"),
    RowOutcome.WRONG: ("bad", "!"),
}
#: Facts whose cells tell nothing of a person.
PLAIN = ("kind", "regime", "ground", "channel", "received_at", "country", "subdivision", "language", "vendors")
DELIMITERS = {"comma": ",", "semicolon": ";"}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=gettext_lazy("5 MiB and 10,000 rows at most. How it is encoded and separated is found out."),
    )
    days = forms.ChoiceField(
        label=gettext_lazy("Days such as 02/11/2026"),
        required=False,
        choices=[
            ("", gettext_lazy("are refused: which of them is the month is not said")),
            ("day", gettext_lazy("begin with the day: 2 November")),
            ("month", gettext_lazy("begin with the month: 11 February")),
        ],
    )

    def clean_file(self) -> bytes:
        given = self.cleaned_data["file"]
        if given.size > imports.MOST_BYTES:
            raise forms.ValidationError(imports.too_large())
        return bytes(given.read())

    @property
    def day_first(self) -> bool | None:
        return {"day": True, "month": False}.get(self.cleaned_data["days"])


def _badge(choice: Any) -> str:
    return badge(*LOOKS[choice], choice.label)


class Imports(admin.ModelAdmin):
    """Adds them to the cases' pages."""

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(f"import/{route}", self.admin_site.admin_view(view), name=f"erasure_case_import{name}")

        return [
            at("", self.upload_view, ""),
            at("template/<slug:delimiter>/", self.template_view, "_template"),
            at("columns/", self.columns_view, "_columns"),
            at("<uuid:pk>/", self.import_view, "_page"),
            at("<uuid:pk>/progress/", self.progress_view, "_progress"),
            at("<uuid:pk>/<slug:deed>/", self.import_act_view, "_act"),
            *super().get_urls(),
        ]

    def _import_page(self, request: HttpRequest, name: str, title: Any, status: int = 200, **more: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"admin/erasure/case/import/{name}.html", shown | more, status=status)

    # --- before the upload

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        demand(request, "erasure.open_case")
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        if form.is_bound and form.is_valid():
            try:
                content = form.cleaned_data["file"]
                kept = imports.upload(content, by=request.user, day_first=form.day_first)
                return redirect("admin:erasure_case_import_page", kept.pk)
            except imports.NotATable as error:
                form.add_error("file", str(error))
        recent = Import.objects.defer("content_sealed").select_related("owner")
        if not request.user.has_perm("erasure.oversee_import"):
            recent = recent.filter(owner=request.user.pk)
        shown = [(each, _badge(ImportStatus(each.status))) for each in recent[:RECENT]]
        status = 422 if form.errors else 200
        return self._import_page(request, "upload", _("Import cases"), status, form=form, recent=shown)

    def template_view(self, request: HttpRequest, delimiter: str) -> HttpResponse:
        demand(request, "erasure.open_case")
        if delimiter not in DELIMITERS:
            raise Http404
        kinds = imports.kinds(intake.Accounts.read().kinds)
        content = imports.template(kinds, delimiter=DELIMITERS[delimiter])
        return _file(content, "cases.csv")

    def columns_view(self, request: HttpRequest) -> HttpResponse:
        demand(request, "erasure.open_case")
        kinds = imports.kinds(intake.Accounts.read().kinds)
        facts = [(column, column.words.choices if column.words else ()) for column in imports.FACTS]
        title = _("Columns of an import")
        return self._import_page(request, "columns", title, facts=facts, kinds=kinds, crumb=True)

    # --- one import

    def _import(self, request: HttpRequest, pk: UUID, *, own: bool = False) -> Import:
        """The import, if it is this person's; with `own` not even an administrator may have another's."""
        found = Import.objects.select_related("owner", "data_key").defer("content_sealed").filter(pk=pk).first()
        mine = found is not None and found.owner_id == request.user.pk and request.user.has_perm("erasure.open_case")
        if found is None or not (mine or request.user.has_perm("erasure.oversee_import")):
            raise Http404
        if own and not mine:
            raise PermissionDenied
        if found.status != ImportStatus.RUNNING and found.moved_at < clock.now() - Import.KEPT:
            imports.discard(found, actor="system:web")  # its day is over, and no worker has looked after it
        return found

    def import_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        kept = self._import(request, pk)
        shown: dict[str, Any] = {
            "kept": kept,
            "state": _badge(ImportStatus(kept.status)),
            "mine": kept.owner_id == request.user.pk,
            "is_kept": kept.data_key.destroyed_at is None,
            "told": _told(kept),
            "crumb": True,
        }
        if kept.status == ImportStatus.CHECKED:
            try:
                shown |= _preview(imports.judgement(kept))
            except (imports.NotATable, Unreadable) as error:
                shown["unreadable"] = str(error)
            shown["may_submit"] = request.user.has_perm("erasure.submit_case")
        elif kept.status == ImportStatus.ENDED:
            shown |= _results(kept, request.GET)
            if self.has_view_permission(request):
                shown["next"] = _next(kept, request.user)
        title = _("Import of %(rows)s rows") % {"rows": formats.number(kept.rows)}
        return self._import_page(request, "import", title, **shown)

    def progress_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        kept = self._import(request, pk)
        answer = {"done": kept.done, "text": _told(kept), "running": kept.status == ImportStatus.RUNNING}
        return JsonResponse(answer, headers={"Cache-Control": "no-store"})

    def import_act_view(self, request: HttpRequest, pk: UUID, deed: str) -> HttpResponse:
        """The posts of an import's page. Asked for in another way: the page."""
        if request.method in ("GET", "HEAD"):
            return redirect("admin:erasure_case_import_page", pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        deeds = {"accept": self._accept, "discard": self._discard, "stop": self._stop, "mend": self._mend}
        if deed not in deeds:
            raise Http404
        with telling(request):
            kept = self._import(request, pk, own=deed in ("accept", "mend"))
            try:
                if answer := deeds[deed](request, kept):
                    return answer
            except imports.NotATable as error:
                messages.error(request, str(error))
        return redirect("admin:erasure_case_import_page", pk)

    def _accept(self, request: HttpRequest, kept: Import) -> None:
        demand(request, "erasure.open_case")
        given = request.POST
        if "submits" in given:
            demand(request, "erasure.submit_case")
        imports.accept(kept, submits="submits" in given, again="again" in given, leave_out="leave_out" in given)
        if kept.rows <= imports.AT_ONCE:
            imports.carry_on(kept.pk)
        else:
            imports.wake(kept.pk)

    def _discard(self, request: HttpRequest, kept: Import) -> None:
        imports.discard(kept, actor=actor_of(request.user))
        messages.success(request, _("What was kept of the file is destroyed. Cases that were opened stay."))

    def _stop(self, request: HttpRequest, kept: Import) -> None:
        imports.finish(kept, stopped=True, by=request.user)

    def _mend(self, request: HttpRequest, kept: Import) -> HttpResponse | None:
        """The rows to be mended, as a file. Only whoever uploaded them gets them back."""
        if kept.status == ImportStatus.CHECKED:
            judged = imports.judgement(kept)
            wrong = judged.of(RowOutcome.WRONG)
            content = imports.to_mend(judged.table, ((row.cells, imports.by_column(row.problems)) for row in wrong))
        elif kept.status == ImportStatus.ENDED:
            content = kept.content()
        else:
            content = b""
        if not content:
            messages.error(request, _("These rows are not kept any more. Take them from your own file."))
            return None
        return _file(content, "to-mend.csv")


def _file(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _told(kept: Import) -> str:
    """How far it is, in words."""
    counts = {"opened": kept.opened, "skipped": kept.skipped, "wrong": kept.wrong, "done": kept.done}
    text = _("%(done)s of %(rows)s rows: %(opened)s opened, %(skipped)s already there, %(wrong)s to be mended.")
    return text % {"rows": formats.number(kept.rows), **{name: formats.number(count) for name, count in counts.items()}}


# --- a preview --------------------------------------------------------------------------------------------------------


def _preview(judged: imports.Judgement) -> dict[str, Any]:
    right, there, wrong = (judged.of(outcome) for outcome in RowOutcome)
    table = judged.table
    cells = [(row.number, problem) for row in wrong for problem in row.problems]
    warned = [row for row in right if row.warnings]
    unknown = imports.unknown(judged.places)
    return {
        "right": len(right),
        "there": there[:MOST_LISTED],
        "there_more": max(len(there) - MOST_LISTED, 0),
        "there_count": len(there),
        "wrong_count": len(wrong),
        "problems": cells[:MOST_LISTED],
        "problems_more": max(len(cells) - MOST_LISTED, 0),
        "warned": warned[:MOST_LISTED],
        "warned_more": max(len(warned) - MOST_LISTED, 0),
        "warned_count": len(warned),
        "unknown": unknown,
        "left_out": ngettext(
            "Leave out the column that is not known", "Leave out the columns that are not known", len(unknown)
        ),
        "offer_again": any(not row.opening.external_id.strip() for row in there),
        "encoding": table.encoding,
        "delimiter": imports.DELIMITERS[table.delimiter],
        "places": [place for place in judged.places if place.title],
        "first": [(row.number, _masked(judged.places, row.cells)) for row in judged.rows[:SHOWN_FIRST]],
        "most": imports.AT_ONCE,
    }


def _masked(places: Sequence[imports.Place], cells: Sequence[str]) -> list[str]:
    """A row as a preview shows it: what could name a person is masked, as everywhere."""
    shown = []
    for place, cell in zip(places, cells, strict=False):
        if not place.title:
            continue
        kind = place.name if place.role == imports.IDENTIFIER else "email" if "@" in cell else ""
        shown.append(cell if place.role in PLAIN or not cell.strip() else mask(kind, cell.strip()))
    return shown


# --- a result ---------------------------------------------------------------------------------------------------------


def _results(kept: Import, asked: Any) -> dict[str, Any]:
    """The rows of one outcome, a page at a time: first those that somebody has to mend."""
    counts = {outcome: getattr(kept, outcome.value) for outcome in RowOutcome}
    usual = RowOutcome.WRONG if kept.wrong else RowOutcome.OPENED if kept.opened else RowOutcome.SKIPPED
    show = asked.get("show") if asked.get("show") in RowOutcome.values else usual.value
    found = kept.results.filter(outcome=show).select_related("case")
    paginator = Paginator(found, PER_PAGE)
    paginator.count = counts[RowOutcome(show)]  # it is known
    page = paginator.get_page(asked.get("page"))
    return {
        "show": show,
        "tabs": [(outcome.value, outcome.label, count) for outcome, count in counts.items() if count],
        "page": page,
        "outcome": _badge(RowOutcome(show)),
        "left": kept.rows - kept.done,
    }


def _next(kept: Import, person: Any) -> list[tuple[str, str]]:
    """What is to be done now with the cases that it has opened: sentences, each with the address of the queue that
    holds them. Nothing is said of those that have moved on."""
    opened = kept.results.filter(outcome=RowOutcome.OPENED).order_by().values("case")
    drafts, submitted = (QUEUES[slug].cases(person).filter(pk__in=opened).count() for slug in ("drafts", "approval"))
    found = []
    if drafts:
        said = ngettext("%(count)s draft waits to be submitted", "%(count)s drafts wait to be submitted", drafts)
        found.append((said % {"count": formats.number(drafts)}, QUEUES["drafts"].address))
    if submitted:
        said = ngettext(
            "%(count)s case awaits approval by another person",
            "%(count)s cases await approval by another person",
            submitted,
        )
        found.append((said % {"count": formats.number(submitted)}, QUEUES["approval"].address))
    return found
