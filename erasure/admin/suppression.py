"""From the list of cases: the suppression list. Whether somebody is on it, a file against it, and taking somebody off.
What is typed is posted, kept nowhere, and stands in no address."""

import io
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.audit.record import actor_of
from erasure import imports, suppression
from erasure.errors import Invalid, NotFound
from erasure.imports.checking import check_file
from erasure.normalise import KNOWN_KINDS
from erasure.states import RemovalReason

from .forms import NO_CHOICE, OneLine, countries, identifier_kinds
from .shared import DeskPages, demand

CHECK, REMOVE = "erasure.check_suppressed", "erasure.delete_suppressed"


class _Asked(forms.Form):
    country = forms.ChoiceField(
        label=gettext_lazy("Country"),
        required=False,
        help_text=gettext_lazy("For phone numbers without a country code."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [*NO_CHOICE, *countries()]  # type: ignore[attr-defined]


class OneForm(_Asked):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"))
    value = forms.CharField(label=gettext_lazy("Exact text"), strip=False, widget=OneLine)
    field_order: tuple[str, ...] = ("kind", "value", "country")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = identifier_kinds()  # type: ignore[attr-defined]

    def asked(self) -> tuple[str, str]:
        return self.cleaned_data["kind"], self.cleaned_data["value"]


class RemoveForm(OneForm):
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=RemovalReason.choices)
    field_order: tuple[str, ...] = ("kind", "value", "country", "reason")


class FileForm(_Asked):
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=gettext_lazy("5 MiB at most. Larger ones: manage.py check_suppression."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        help_text=gettext_lazy("If the file has no column kind: its column of that name, or value, is looked up."),
    )
    field_order: tuple[str, ...] = ("file", "kind", "country")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(kind, kind.replace("_", " ")) for kind in KNOWN_KINDS]
        self.fields["kind"].choices = [("", gettext_lazy("as the column kind says")), *known]  # type: ignore[attr-defined]

    def clean_file(self) -> bytes:
        given = self.cleaned_data["file"]
        if given.size > imports.MOST_BYTES:
            raise forms.ValidationError(imports.too_large())
        return bytes(given.read())


class SuppressionPages(DeskPages):
    """Adds them to the cases' pages."""

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(
                f"suppression/{route}", self.admin_site.admin_view(view), name=f"erasure_case_suppression{name}"
            )

        return [
            at("", self.suppression_view, ""),
            at("file/", self.suppression_file_view, "_file"),
            at("remove/", self.suppression_remove_view, "_remove"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = request.user.has_perm(CHECK)
        return super().changelist_view(request, {**(extra_context or {}), "may_check_suppression": may})

    def suppression_view(self, request: HttpRequest) -> HttpResponse:
        """The forms; posted, what is said of one identifier."""
        demand(request, CHECK)
        form = OneForm(request.POST if request.method == "POST" else None)
        said = None
        if form.is_bound and form.is_valid():
            country = form.cleaned_data["country"]
            (said,) = suppression.check([form.asked()], by=request.user, country=country)
            if said.problem:
                form.add_error("value", said.problem)
                said = None
        return self._suppression_page(request, one=form, said=said)

    def suppression_file_view(self, request: HttpRequest) -> HttpResponse:
        """Posted a file: the same with what is said of each row, on record before it can be read."""
        demand(request, CHECK)
        if request.method != "POST":
            return redirect("admin:erasure_case_suppression")
        form = FileForm(request.POST, request.FILES, auto_id="file_%s")
        if form.is_valid():
            kind, country = form.cleaned_data["kind"], form.cleaned_data["country"]
            content = io.BytesIO(form.cleaned_data["file"])
            try:
                lines = list(check_file(content, actor=actor_of(request.user), kind=kind, country=country))
            except imports.NotATable as error:
                form.add_error("file", str(error))
            else:
                name = {"Content-Disposition": 'attachment; filename="suppression.csv"', "Cache-Control": "no-store"}
                return HttpResponse("".join(lines).encode(), content_type="text/csv; charset=utf-8", headers=name)
        return self._suppression_page(request, file=form)

    def suppression_remove_view(self, request: HttpRequest) -> HttpResponse:
        demand(request, REMOVE)
        if request.method != "POST":
            return redirect("admin:erasure_case_suppression")
        form = RemoveForm(request.POST, auto_id="remove_%s")
        if form.is_valid():
            given = form.cleaned_data
            try:
                suppression.remove(*form.asked(), by=request.user, reason=given["reason"], country=given["country"])
            except (Invalid, NotFound) as error:
                form.add_error("value", error.text)
            else:
                messages.success(request, _("Taken off the list."))
                return redirect("admin:erasure_case_suppression")
        return self._suppression_page(request, remove=form)

    def _suppression_page(self, request: HttpRequest, **forms_: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Suppression list")}
        shown |= {
            "media": self.media,
            "one": OneForm(),
            "file": FileForm(auto_id="file_%s"),
            "remove": RemoveForm(auto_id="remove_%s"),
            "may_remove": request.user.has_perm(REMOVE),
            "days": settings.SUPPRESSION_DAYS,
        }
        wrong = any(getattr(form, "errors", None) for form in forms_.values())
        shown |= forms_
        template = "admin/erasure/case/suppression.html"
        return TemplateResponse(request, template, shown, status=422 if wrong else 200)
