"""From the pages of cases: the regulator pack of one, and the register of all."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.audit.record import actor_of
from erasure.models import Case
from erasure.reports import certificate, register
from erasure.reports.pack import export_pack
from erasure.reports.recipients_list import recipients_list
from erasure.reports.spoken import chosen
from erasure.states import Regime

from .shared import demand, telling

#: What the form offers → the lines, the media type and the file's ending.
_FORMS: dict[str, tuple[Callable[[Iterable[register.Entry]], Iterator[str]], str, str]] = {
    "csv": (register.csv_lines, "text/csv; charset=utf-8", "csv"),
    "excel": (lambda found: register.csv_lines(found, bom=True), "text/csv; charset=utf-8", "csv"),
    "jsonl": (register.jsonl_lines, "application/jsonl", "jsonl"),
}


class _Day(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.DateInput(attrs={"type": "date"}), **kwargs)


class RegisterForm(forms.Form):
    regime = forms.ChoiceField(
        label=gettext_lazy("Law"), choices=[("", gettext_lazy("all")), *Regime.choices], required=False
    )
    since = _Day(label=gettext_lazy("Received from"))
    until = _Day(label=gettext_lazy("Received until"), help_text=gettext_lazy("That day included."))
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[
            ("csv", gettext_lazy("CSV")),
            ("excel", gettext_lazy("CSV for Excel (with a byte order mark)")),
            ("jsonl", gettext_lazy("JSON lines")),
        ],
        initial="csv",
    )

    def clean(self) -> None:
        since: date | None = self.cleaned_data.get("since")
        until: date | None = self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This is before the first day."))

    def selection(self) -> register.Selection:
        return register.Selection(**{name: self.cleaned_data[name] for name in ("regime", "since", "until")})


def may_export(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("erasure.view_case") and request.user.has_perm("audit.export_event"))


class Reports(admin.ModelAdmin):
    """Adds them to the cases' pages."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("register/", view(self.register_view), name="erasure_case_register"),
            path("<uuid:pk>/recipients/", view(self.recipients_view), name="erasure_case_recipients"),
            path("<uuid:pk>/certificate/", view(self.certificate_view), name="erasure_case_certificate"),
            path("<uuid:pk>/pack/", view(self.pack_view), name="erasure_case_pack"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "may_export": may_export(request)})

    def pack_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The regulator pack, on record before it can be read. Asked for in another way: the case's page."""
        demand(request, "erasure.view_case")
        demand(request, "audit.export_event")
        case = get_object_or_404(Case, pk=pk)
        if request.method == "POST":
            with telling(request):
                pack = export_pack(case, actor=actor_of(request.user))
                return HttpResponse(pack.content, content_type="application/zip", headers=_as_file(pack.name))
        elif request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        return redirect("admin:erasure_case_change", pk)

    def certificate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The certificate of a case that has ended: made, kept and handed out. Asked for in another way: the case's
        page."""
        demand(request, "erasure.view_case")
        demand(request, "erasure.change_case")
        case = get_object_or_404(Case.objects.select_related("data_key"), pk=pk)
        if request.method == "POST":
            with telling(request):
                made = certificate.issue(case, by=request.user, language=chosen(request.POST.get("language", "")))
                return HttpResponse(made.content, content_type="application/pdf", headers=_as_file(made.name))
        elif request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        return redirect("admin:erasure_case_change", pk)

    def recipients_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The ledger of recipients, for the person."""
        demand(request, "erasure.view_case")
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        case = get_object_or_404(Case.objects.select_related("data_key"), pk=pk)
        content = recipients_list(case, language=chosen(request.GET.get("language", "")))
        name = f"{case.reference}-recipients.pdf"
        return HttpResponse(content, content_type="application/pdf", headers=_as_file(name))

    def register_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The form; posted, the register."""
        demand(request, "erasure.view_case")
        demand(request, "audit.export_event")
        form = RegisterForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            lines, media_type, ending = _FORMS[form.cleaned_data["format"]]
            selection = form.selection()
            count = selection.cases().count()
            register.record_export(selection, actor=actor_of(request.user), form=ending, count=count)
            encoded = (line.encode() for line in lines(register.entries(selection)))
            return StreamingHttpResponse(encoded, content_type=media_type, headers=_as_file(f"register.{ending}"))
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Register of requests")}
        shown |= {"media": self.media, "form": form}
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/erasure/case/register.html", shown, status=status)


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
