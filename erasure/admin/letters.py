"""Writing to the person, from the page of a case: choose a letter, read and change its text, look at it, send it.

No page shows the person's name: it is put in when the letter is sent. What is typed stands in the page alone, in no
address, no session and no message."""

import uuid
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.staff.fresh import demand_fresh
from compliance.vault.seal import Unreadable
from erasure import codes, letters
from erasure.errors import DeskError, Invalid
from erasure.letters import done, sender, sheet, texts
from erasure.letters.values import language_of, name_of
from erasure.models import Case, Evidence, Letter
from erasure.models.letter import LANGUAGES
from erasure.normalise import mask
from erasure.states import Channel, ExtensionReason, LetterKind, MailState, RefusalGround

from .download import download
from .forms import NO_CHOICE
from .shared import badge, demand, put_problems, telling

_LOOKS = {
    MailState.NONE: ("good", "✉"),
    MailState.QUEUED: ("waiting", "◔"),
    MailState.SENDING: ("going", "▶"),
    MailState.SENT: ("good", "✓"),
    MailState.UNKNOWN: ("bad", "?"),
    MailState.FAILED: ("bad", "✗"),
}
_VERBS = {"again": letters.send_again, "arrived": letters.arrived}
_DONE = {
    "again": gettext_lazy("It is sent again."),
    "arrived": gettext_lazy("Recorded: the person has this letter."),
}


class ChoiceForm(forms.Form):
    """Which letter."""

    kind = forms.ChoiceField(label=gettext_lazy("Letter"))
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[*NO_CHOICE, *ExtensionReason.choices],
        help_text=gettext_lazy("Of an extension."),
    )
    ground = forms.ChoiceField(
        label=gettext_lazy("Ground"),
        required=False,
        choices=[*NO_CHOICE, *RefusalGround.choices],
        help_text=gettext_lazy("Of a refusal."),
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(kind.value, kind.label) for kind in LetterKind if user.has_perm(letters.PERMISSIONS[kind])]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """What another letter has is left out, and what this one has is required: the form offers it for all."""
        given = super().clean() or self.cleaned_data
        for name, kind in (("reason", LetterKind.EXTENSION), ("ground", LetterKind.REFUSAL)):
            if given.get("kind") != kind:
                given[name] = ""
            elif name in given and not given[name]:
                self.add_error(name, self.fields["kind"].error_messages["required"])
        return given


class TextForm(ChoiceForm):
    """The text of it, and how it is sent. `number` is the letter's id: whoever sends twice sends one letter."""

    number = forms.UUIDField(widget=forms.HiddenInput)
    subject = forms.CharField(
        label=gettext_lazy("Subject"), max_length=texts.MAX_SUBJECT, widget=forms.TextInput({"size": 70})
    )
    body = forms.CharField(
        label=gettext_lazy("Text"), max_length=texts.MAX_BODY, widget=forms.Textarea({"rows": 22, "cols": 80})
    )
    channel = forms.ChoiceField(label=gettext_lazy("How it is sent"))

    def __init__(self, user: Any, *args: Any, mailed: bool, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        for name in ("kind", "language", "reason", "ground"):
            self.fields[name].widget = forms.HiddenInput()
        others = [choice for choice in Channel.choices if choice[0] not in (Channel.EMAIL, Channel.API)]
        by_mail = [(Channel.EMAIL.value, _("by e-mail, from here"))] if mailed else []
        self.fields["channel"].choices = by_mail + [  # type: ignore[attr-defined]
            (value, _("another way: %(channel)s") % {"channel": label}) for value, label in others
        ]
        self.fields["channel"].initial = (Channel.EMAIL if mailed else Channel.LETTER).value


class Letters(admin.ModelAdmin):
    """Adds them to the cases' pages."""

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(f"<uuid:pk>/letter/{route}", self.admin_site.admin_view(view), name=f"erasure_case_{name}")

        return [
            at("", self.letter_view, "letter"),
            at("<uuid:letter>/download/", self.letter_download_view, "letter_download"),
            at("<uuid:letter>/<slug:verb>/", self.letter_act_view, "letter_act"),
            *super().get_urls(),
        ]

    # --- writing one

    def letter_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """GET and a post without a letter: which one. Posted with one: its text; `_preview` and `_pdf` show it, `_send`
        sends it."""
        demand(request, "erasure.view_case")
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if not may_write(request.user):
            raise PermissionDenied
        case = get_object_or_404(Case.objects.select_related("data_key"), pk=pk)
        if case.shredded_at:
            messages.error(request, _("The personal data of this case was destroyed: there is nobody to write to."))
            return redirect("admin:erasure_case_change", pk)
        try:
            return self._letter(request, case)
        except Unreadable:
            messages.error(request, _("The sealed data could not be opened. Check the key ring (KEY_RING)."))
        return redirect("admin:erasure_case_change", pk)

    def _letter(self, request: HttpRequest, case: Case) -> HttpResponseBase:
        if request.method != "POST":
            likely = {"kind": request.GET.get("kind", ""), "language": language_of(case), "ground": case.refusal_ground}
            form: Any = ChoiceForm(request.user, initial=likely)
            return self._letter_page(request, "choose", case, form)
        chosen = ChoiceForm(request.user, request.POST)
        _demand_kind(request, request.POST.get("kind", ""))
        draft = self._draft(case, chosen)
        if draft is None:
            return self._letter_page(request, "choose", case, chosen)
        refused = letters.why_not_mail(case)
        more: dict[str, Any] = {"mailed": refused is None, "why_not_mail": refused.text if refused else ""}
        more |= {"address": mask("email", sender.address_of(case)), "variables": texts.variables(draft.kind)}
        more |= {
            "heading": draft.kind.label,
            "undone": draft.kind == LetterKind.COMPLETION and bool(done.of(case).not_done),
        }
        if not {"_preview", "_pdf", "_send"} & set(request.POST):
            given = {**chosen.cleaned_data, "number": uuid.uuid4(), "subject": draft.subject, "body": draft.body}
            form = TextForm(request.user, initial=given | {"ground": draft.ground}, mailed=more["mailed"])
            return self._letter_page(request, "write", case, form, **more)
        form = TextForm(request.user, request.POST, mailed=more["mailed"])
        answer = self._looked_at_or_sent(request, case, draft, form) if form.is_valid() else None
        if isinstance(answer, HttpResponseBase):
            return answer
        return self._letter_page(request, "write", case, form, preview=answer, **more)

    def _draft(self, case: Case, form: ChoiceForm) -> letters.Draft | None:
        """None with the problems at their fields."""
        if form.is_valid():
            try:
                return letters.write(case, **form.cleaned_data)
            except Invalid as error:
                put_problems(form, error.problems, {f"/{name}": name for name in form.fields})
        return None

    def _looked_at_or_sent(self, request: HttpRequest, case: Case, draft: letters.Draft, form: TextForm) -> Any:
        """The preview, the answer to a post that was taken, or None where the form was not taken."""
        given = form.cleaned_data
        try:
            if "_send" in request.POST:
                return self._sent(request, case, given)
            name = mask("", name_of(case)) if name_of(case) else ""
            subject, body = letters.filled(case, draft, given["subject"], given["body"], name)
            if "_pdf" in request.POST:
                content = letters.printed(case, draft, subject, body, name)
                headers = {"Content-Disposition": 'inline; filename="preview.pdf"'}
                return HttpResponse(content, content_type="application/pdf", headers=headers)
            return {"subject": subject, "blocks": [_block(block) for block in sheet.blocks(body)]}
        except Invalid as error:
            put_problems(form, error.problems, {f"/{name}": name for name in form.fields})
        except DeskError as error:
            form.add_error(None, error.text)
        return None

    def _sent(self, request: HttpRequest, case: Case, given: dict[str, Any]) -> HttpResponse:
        sent = letters.send(case, by=request.user, **given)
        if sent.letter.mail == MailState.QUEUED:
            text = _("The letter is kept as evidence and goes out by e-mail now: its state stands below.")
        else:
            text = _("The letter is kept as evidence. Download it below to print it, if you have not sent it yet.")
        messages.success(request, text)
        for remark in sent.remarks:
            messages.warning(request, remark)
        return redirect("admin:erasure_case_change", case.pk)

    def _letter_page(self, request: HttpRequest, name: str, case: Case, form: Any, **more: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        title = _("Write a letter")
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        shown |= {"case": case, "original": case, "crumb": True, "form": form, **more}
        status = 422 if form.errors else 200
        return TemplateResponse(request, f"admin/erasure/case/letter/{name}.html", shown, status=status)

    # --- one that was written

    def _of(self, request: HttpRequest, pk: UUID, letter: UUID) -> Letter:
        demand(request, "erasure.view_case")
        rows = Letter.objects.select_related("case__data_key", "evidence__case__data_key", "evidence__data_key")
        found = get_object_or_404(rows, pk=letter, case=pk)
        demand(request, letters.PERMISSIONS[LetterKind(found.kind)])
        return found

    def letter_act_view(self, request: HttpRequest, pk: UUID, letter: UUID, verb: str) -> HttpResponse:
        if verb not in _VERBS:
            raise Http404
        found = self._of(request, pk, letter)
        if request.method == "POST":
            with telling(request, _DONE[verb]):
                _VERBS[verb](found, by=request.user)
        return redirect("admin:erasure_case_change", pk)

    def letter_download_view(self, request: HttpRequest, pk: UUID, letter: UUID) -> HttpResponseBase:
        """The PDF, for whoever may write such a letter."""
        found = self._of(request, pk, letter)
        if request.method != "POST":
            return redirect("admin:erasure_case_change", pk)
        demand_fresh(request)
        return download(request, found.evidence) or redirect("admin:erasure_case_change", pk)


def may_write(user: Any) -> bool:
    """Whether there is a letter that `user` may write."""
    return any(user.has_perm(permission) for permission in set(letters.PERMISSIONS.values()))


def _demand_kind(request: HttpRequest, kind: str) -> None:
    """403 for a letter that this person may not write, whatever page it claims to come from."""
    if kind in LetterKind.values:
        demand(request, letters.PERMISSIONS[LetterKind(kind)])


def _block(block: Any) -> dict[str, Any]:
    return {"items": isinstance(block, sheet.Items), "lines": block.lines}


# --- on the page of a case --------------------------------------------------------------------------------------------


def shown(files: Iterable[Evidence], user: Any) -> list[dict[str, Any]]:
    """The letters of a case, the newest first; `files`: its evidence, fetched with the letters."""
    found = [item.letter for item in files if hasattr(item, "letter")]
    return [
        {
            "letter": letter,
            "badge": badge(*_LOOKS[MailState(letter.mail)], letter.get_mail_display()),
            "why": codes.label(letter.code),
            "asks": letter.mail in (MailState.UNKNOWN, MailState.FAILED),
            "mine": user.has_perm(letters.PERMISSIONS[LetterKind(letter.kind)]),
        }
        for letter in sorted(found, key=lambda letter: letter.at, reverse=True)
    ]


def hints(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """A line for each letter that waits for somebody to decide: an anchor on the page, and a sentence."""
    unknown = _(
        "It is not known whether this letter was sent: %(letter)s. Have it sent again, or say that the person has it."
    )
    failed = _("This letter could not be sent by e-mail: %(letter)s. Have it sent again, or send it another way.")
    return [
        (
            f"letter-{row['letter'].pk}",
            (unknown if row["letter"].mail == MailState.UNKNOWN else failed)
            % {"letter": row["letter"].get_kind_display()},
        )
        for row in rows
        if row["asks"]
    ]
