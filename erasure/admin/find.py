"""One box that finds a case or a person. It is posted: what is typed stands in no address, session, log or title. What
was found is kept in the session as the cases' numbers, so that the way back from a case needs no second post."""

import secrets
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure import intake
from erasure.errors import Invalid
from erasure.finding import EXTERNAL, MOST, find_anywhere
from erasure.models import Case

from .forms import FindForm, identifier_kinds
from .rows import complete, progress
from .shared import DeskPages, demand, references
from .standing import due_badge, state_badges

SESSION = "erasure_found"
REFERENCE = "case reference"  # no kind of identifier holds a space
KEPT = 5  # searches, the oldest of which is forgotten first
FULL_REFERENCE = "DSR-"
Found = dict[UUID, list[str]]  # a case → as what it was found


class AnythingForm(forms.Form):
    """The box."""

    text = forms.CharField(
        label=gettext_lazy("Find a case or a person"),
        max_length=512,
        error_messages={"required": gettext_lazy("Type a reference, an external id, or a person's exact identifier.")},
    )


class FindPages(DeskPages):
    """Adds the search to the pages of cases."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.find_view)
        return [path("find/", view, name="erasure_case_find"), *super().get_urls()]

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """The box, and a form that looks for one kind alone; posted, the way to what was found."""
        demand(request, "erasure.view_case")
        given = request.POST if request.method == "POST" else None
        by_kind = given is not None and "kind" in given
        exact, box = FindForm(given if by_kind else None), AnythingForm(None if by_kind else given)
        form = exact if by_kind else box
        found: Found | None = None
        if form.is_bound and form.is_valid():
            found = self._by_kind(exact) if by_kind else self._anything(box.cleaned_data["text"])
            if found:
                return self._way_to(request, found, alone=not by_kind)
        context: dict[str, Any] = {"form": exact, "box": box, "by_kind": by_kind, "nothing": found == {}}
        return self._answer(request, context | self._found_before(request))

    def _answer(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        shown |= {"title": _("Find a case or a person"), **context}
        return TemplateResponse(request, "admin/erasure/case/find.html", shown)

    def _by_kind(self, form: FindForm) -> Found | None:
        kind, value = form.cleaned_data["kind"], form.cleaned_data["value"]
        try:
            by_external = kind == FindForm.EXTERNAL
            cases = intake.find_by_external_id(value) if by_external else intake.find_by_identifier(kind, value)
        except Invalid as error:
            form.add_error("value", error.text)
            return None
        return {case.pk: [kind] for case in cases[: MOST + 1]}

    def _anything(self, text: str) -> Found:
        named = Case.objects.filter(reference__in=references(text)).order_by("-created_at")
        found: Found = {pk: [REFERENCE] for pk in named.values_list("pk", flat=True)}
        if not (found and text.upper().startswith(FULL_REFERENCE)):
            kinds = [kind for kind, _label in identifier_kinds()]
            for case, found_as in find_anywhere(text, kinds).items():
                found.setdefault(case, []).extend(found_as)
        return found

    def _way_to(self, request: HttpRequest, found: Found, *, alone: bool) -> HttpResponse:
        """To the one case that a reference names, or to what was found."""
        if alone and list(found.values()) == [[REFERENCE]]:
            return redirect("admin:erasure_case_change", *found)
        token = secrets.token_urlsafe(9)
        kept = list(request.session.get(SESSION, {}).items())[1 - KEPT :]
        told = {str(case): found_as for case, found_as in found.items()}
        request.session[SESSION] = {**dict(kept), token: told}
        return redirect(f"{reverse('admin:erasure_case_find')}?{urlencode({'found': token})}")

    def _found_before(self, request: HttpRequest) -> dict[str, Any]:
        """What the search that the address names has found, as it stands now."""
        if request.method != "GET" or "found" not in request.GET:
            return {}
        told = request.session.get(SESSION, {}).get(request.GET["found"])
        if told is None:
            return {"over": True}
        found = {UUID(case): found_as for case, found_as in told.items()}
        rows = self._rows(Case.objects.filter(pk__in=list(found)[:MOST]).order_by("-created_at"), found)
        return {"found": rows, "more": len(found) > MOST}

    def _rows(self, cases: Iterable[Case], found: Found) -> list[dict[str, Any]]:
        shown = list(cases)
        complete(shown)
        names = {EXTERNAL: _("external id"), REFERENCE: _("reference")}
        return [
            {
                "case": case,
                "found_as": ", ".join(names.get(kind, kind.replace("_", " ")) for kind in found[case.pk]),
                "state": state_badges(case),
                "due": due_badge(case),
                "progress": progress(case),
            }
            for case in shown
        ]
