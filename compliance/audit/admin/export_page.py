"""The page that exports: what to export, then one zip with all that is needed to check it."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.audit import seal
from compliance.audit.actions import ACTIONS
from compliance.audit.bundle import zip_stream
from compliance.audit.export import Selection, count, parse_moment, record_export
from compliance.audit.known import knows_actor, knows_case
from compliance.audit.models import Checkpoint, PendingEvent
from compliance.audit.record import CASE, actor_of

from .filters import actor_label, actor_word

_MOMENT_HELP = gettext_lazy("A day, such as 2026-11-21, or a time, such as 2026-11-21T09:30:00Z.")
#: Format → what `zip_stream` is asked for.
_FORMS = {"csv": ("csv", False), "excel": ("csv", True), "jsonl": ("jsonl", False)}
#: What may stand in the list's address and an export knows too. All else narrows the list alone.
_CARRIED = {"q", "case", "actor", "action", "at__gte", "at__lt", "since", "until", "p", "all", "e"}


class ExportForm(forms.Form):
    case = forms.CharField(
        label=gettext_lazy("Case"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("A case reference in full, such as DSR-2026-000123. Empty: all cases."),
    )
    actor = forms.CharField(
        label=gettext_lazy("Who"),
        max_length=150,
        required=False,
        help_text=gettext_lazy("An account's name, or a part of the desk such as system:worker. Empty: everybody."),
    )
    action = forms.ChoiceField(label=gettext_lazy("Action"), required=False)
    since = forms.CharField(label=gettext_lazy("From"), max_length=40, required=False, help_text=_MOMENT_HELP)
    until = forms.CharField(
        label=gettext_lazy("Until"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("A day (that day included) or a time (not included)."),
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[
            ("csv", gettext_lazy("CSV")),
            ("excel", gettext_lazy("CSV for Excel (with a byte order mark)")),
            ("jsonl", gettext_lazy("JSON lines")),
        ],
        initial="csv",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in sorted(ACTIONS)]
        self.fields["action"].choices = [("", _("all")), *names]  # type: ignore[attr-defined]

    def clean_case(self) -> str:
        case = str(self.cleaned_data["case"]).upper()
        if not CASE.fullmatch(case):
            raise ValidationError(_("This is not a case reference, such as DSR-2026-000123."))
        if case and not knows_case(case):
            raise ValidationError(_("The trail holds no event of this case. Check the reference."))
        return case

    def clean_actor(self) -> str:
        text = self.cleaned_data["actor"]
        word = actor_word(text) if text else ""
        if word is None:
            raise ValidationError(_("No account has this name."))
        if word and not knows_actor(word):
            raise ValidationError(_("The trail knows nobody of this name."))
        return word

    def clean_since(self) -> datetime | None:
        return _moment(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        return _moment(self.cleaned_data["until"], end=True)

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since >= until:
            self.add_error("until", _("This is not after the beginning."))

    def selection(self) -> Selection:
        return Selection(**{name: self.cleaned_data[name] for name in ("case", "actor", "action", "since", "until")})


class ExportPage(admin.ModelAdmin):
    """Adds the page to the list of events."""

    def may_export(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.export_event")

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The form, filled in with the list's filters; posted, the zip. Only the post leaves an event."""
        if not self.may_export(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._form_page(request, ExportForm(initial=_from_list(request)))
        form = ExportForm(request.POST)
        if form.is_valid():
            checkpoint, why = _sealed()
            if checkpoint:
                return self._zip(request, form, checkpoint, why)
            form.add_error(None, why or _("The trail holds no event yet: there is nothing to export."))
        return self._form_page(request, form)

    def _zip(self, request: HttpRequest, form: ExportForm, checkpoint: Checkpoint, why: str) -> StreamingHttpResponse:
        """Pinned to the checkpoint, and on record before its first byte can be read."""
        selection = form.selection()
        kind, bom = _FORMS[form.cleaned_data["format"]]
        number, left = count(selection, checkpoint.size), PendingEvent.objects.count() if why else 0
        record_export(selection, actor=actor_of(request.user), form="zip", count=number, size=checkpoint.size)
        if why:
            text = ngettext(
                "The export lacks %(number)s event that could not be sealed: %(why)s",
                "The export lacks %(number)s events that could not be sealed: %(why)s",
                left,
            )
            messages.warning(request, text % {"number": left, "why": why})
        name = "-".join(filter(None, ("trail", selection.case, selection.actor.replace(":", "-"), selection.action)))
        return StreamingHttpResponse(
            zip_stream(selection, checkpoint, form=kind, bom=bom),
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}.zip"'},
        )

    def _form_page(self, request: HttpRequest, form: ExportForm) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Export the trail"),
            "media": self.media,
            "form": form,
            "narrower": request.method == "GET" and bool(request.GET.keys() - _CARRIED),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/audit/event/export.html", shown, status=status)


def _sealed() -> tuple[Checkpoint | None, str]:
    """The newest checkpoint after sealing what is pending, and why not all of it could be sealed."""
    why = ""
    try:
        seal.seal(wait=True)
    except (ImproperlyConfigured, seal.LogDamaged) as error:
        why = str(error)
    return seal.newest(), why


def _moment(text: str, *, end: bool = False) -> datetime | None:
    try:
        return parse_moment(text, end=end) if text else None
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _from_list(request: HttpRequest) -> dict[str, str]:
    """What the form begins with: the filters of the list's address, or the form's own names."""
    asked = request.GET
    return {
        "case": asked.get("case") or asked.get("q", "").strip().upper(),
        "actor": actor_label(asked.get("actor", "")),
        "action": asked.get("action", ""),
        "since": asked.get("since") or _as_day(asked.get("at__gte", "")),
        "until": asked.get("until") or _as_day(asked.get("at__lt", ""), end=True),
    }


def _as_day(text: str, *, end: bool = False) -> str:
    """A time of the list's address as people write it: a day, where it is the start of one (with `end` of the next)."""
    try:
        moment = parse_moment(text).astimezone(get_default_timezone())
        if moment.time() != time():
            return text
        day: date = moment.date() - timedelta(days=end)
    except (ValueError, OverflowError):  # nothing of the kind, or at the end of all days
        return text
    return day.isoformat()
