"""The texts for letters: all that there are, and the page on which administrators change one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure.errors import Invalid
from erasure.letters import texts
from erasure.models import LetterTemplate
from erasure.models.letter import LANGUAGES
from erasure.states import LetterKind

from .shared import ReadOnly, demand, put_problems

VIEW, CHANGE = "erasure.view_lettertemplate", "erasure.change_lettertemplate"


class TextForm(forms.Form):
    subject = forms.CharField(
        label=gettext_lazy("Subject"), max_length=texts.MAX_SUBJECT, widget=forms.TextInput({"size": 70})
    )
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=texts.MAX_BODY,
        widget=forms.Textarea({"rows": 22, "cols": 80}),
        help_text=gettext_lazy(
            "An empty line ends a paragraph. Lines that begin with a hyphen and a space become a list. A paragraph "
            "that is only a variable is left out where there is nothing to say."
        ),
    )


@admin.register(LetterTemplate)
class LetterTextPages(ReadOnly):
    """A text is named by its kind and language, whether or not it has been changed."""

    place = 60

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        may = request.user.has_perm(VIEW)
        return {"add": False, "change": False, "delete": False, "view": may}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        demand(request, VIEW)
        if request.GET:
            raise DisallowedModelAdminLookup("this list is always whole")
        own = {(row.kind, row.language): row for row in LetterTemplate.objects.select_related("changed_by")}
        rows = [
            {
                "name": f"{kind}-{code}",
                "kind": kind.label,
                "language": language,
                "subject": texts.came_with(kind, code)[0] if (kind, code) not in own else own[kind, code].subject,
                "own": own.get((kind, code)),
            }
            for kind in LetterKind
            for code, language in LANGUAGES
        ]
        title = _("Texts for letters")
        return self._text_page(request, "change_list", title=title, rows=rows, may=request.user.has_perm(CHANGE))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        demand(request, VIEW)
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        kind, _dash, language = object_id.partition("-")
        if kind not in LetterKind.values or language not in texts.LANGUAGES:
            raise Http404
        subject, body = texts.text_of(kind, language)
        form = TextForm(request.POST if request.method == "POST" else None, initial={"subject": subject, "body": body})
        if request.method == "POST":
            demand(request, CHANGE)
            if "_restore" in request.POST:
                done = texts.restore(kind, language, by=request.user)
                messages.success(request, _("It is the text as it came.") if done else _("Nothing was changed."))
                return redirect("admin:erasure_lettertemplate_change", object_id)
            if form.is_valid() and self._changed(request, kind, language, form):
                return redirect("admin:erasure_lettertemplate_changelist")
        own = LetterTemplate.objects.select_related("changed_by").filter(kind=kind, language=language).first()
        title = capfirst(f"{LetterKind(kind).label}, {dict(LANGUAGES)[language]}")
        more = {"own": own, "variables": _variables(kind), "may": request.user.has_perm(CHANGE)}
        return self._text_page(request, "change_form", title=title, form=form, language=language, **more)

    def _changed(self, request: HttpRequest, kind: str, language: str, form: TextForm) -> bool:
        try:
            changed = texts.change(kind, language, **form.cleaned_data, by=request.user)
        except Invalid as error:
            put_problems(form, error.problems, {"/subject": "subject", "/body": "body"})
            return False
        messages.success(request, _("The text was changed.") if changed else _("Nothing was changed."))
        if lacking := texts.lacks(kind, form.cleaned_data["body"]):
            text = _("The text says in its own words what the person has to be told, or does not say it: %(names)s.")
            messages.warning(request, text % {"names": ", ".join(f"{{{name}}}" for name in lacking)})
        return True

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404

    def _text_page(self, request: HttpRequest, name: str, **more: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **more}
        status = 422 if "form" in more and more["form"].errors else 200
        return TemplateResponse(request, f"admin/erasure/lettertemplate/{name}.html", shown, status=status)


def _variables(kind: str) -> list[tuple[str, Any]]:
    """Name in braces and what it stands for."""
    return [(f"{{{name}}}", _MEANINGS[name]) for name in texts.variables(kind)]


_MEANINGS = {
    "greeting": gettext_lazy("the salutation, with the person's name where it is known"),
    "name": gettext_lazy("the person's name"),
    "reference": gettext_lazy("the reference of the case"),
    "received_on": gettext_lazy("the day of receipt"),
    "due_on": gettext_lazy("the last day for the reply; of an extension the new one"),
    "due_before": gettext_lazy("the last day for the reply before it was extended"),
    "kind": gettext_lazy("what the person asks for, such as: the erasure of your personal data"),
    "law": gettext_lazy("the law of the case"),
    "complain": gettext_lazy("where to complain, by the law of the case, and that there are courts"),
    "sender": gettext_lazy("the name in LETTERS_FROM"),
    "clock": gettext_lazy("whether the time to reply stands still until the answer"),
    "reasons": gettext_lazy("why it takes longer"),
    "ground": gettext_lazy("why it is refused"),
    "done": gettext_lazy("what was done, vendor by vendor, with its heading"),
    "under_way": gettext_lazy("what is under way and until when, with its heading"),
    "not_done": gettext_lazy("what could not be done, with its heading"),
    "recipients": gettext_lazy("the recipients who were told, with their heading"),
}
