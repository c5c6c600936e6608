"""What the desk's pages share."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import lookup_spawns_duplicates
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from compliance.staff.lookups import PlainLookups
from compliance.vault.seal import Unreadable
from erasure.connectors.base import BadSettings
from erasure.errors import DeskError, Invalid
from erasure.models import Call, ReferenceCounter
from erasure.states import BulkStatus, CaseStatus, SubTaskStatus, Verdict

#: Status → how it looks: a tone and a sign that can be told apart without colour.
LOOKS: dict[str, tuple[str, str]] = {
    CaseStatus.DRAFT: ("quiet", "✎"),
    CaseStatus.AWAITING_APPROVAL: ("waiting", "◔"),
    CaseStatus.IN_PROGRESS: ("going", "▶"),
    CaseStatus.COMPLETED: ("good", "✓"),
    CaseStatus.PARTLY_COMPLETED: ("warn", "◐"),
    CaseStatus.REJECTED: ("quiet", "✗"),
    CaseStatus.CANCELLED: ("quiet", "⊘"),
    SubTaskStatus.PLANNED: ("quiet", "✎"),
    SubTaskStatus.READY: ("going", "▷"),
    SubTaskStatus.RUNNING: ("going", "▶"),
    SubTaskStatus.WAITING: ("waiting", "◔"),
    SubTaskStatus.AWAITING_IDENTIFIER: ("warn", "?"),
    SubTaskStatus.AWAITING_ATTESTATION: ("warn", "☐"),
    SubTaskStatus.NEEDS_ATTENTION: ("bad", "!"),
    SubTaskStatus.DONE: ("good", "✓"),
    SubTaskStatus.SKIPPED: ("quiet", "–"),
    SubTaskStatus.STOPPED: ("quiet", "■"),
    Verdict.OK: ("good", "✓"),
    Verdict.FAILED: ("warn", "✗"),
    Verdict.UNKNOWN: ("bad", "?"),
    BulkStatus.PREPARED: ("quiet", "✎"),
    BulkStatus.ENDED: ("good", "✓"),  # its other words, and those of its rows, are among the above
}


def badge(tone: str, sign: str, word: Any) -> SafeString:
    """A sign and a word; the tone only colours what the word says."""
    return format_html(
        '<span class="desk-badge desk-{}"><span aria-hidden="true">{}</span> {}</span>', tone, sign, word
    )


def status_badge(status: Any) -> SafeString:
    """The badge of a case's or sub-task's status, or of a verdict."""
    return badge(*LOOKS[status], status.label)


def step_label(call: Call) -> str:
    """What staff read for a call's step: the connector's words, or the stored name where it has none any more."""
    with suppress(BadSettings, KeyError):
        return str(call.vendor.speaks().steps[call.step].label)
    return call.step


def shown_transcript(call: Call) -> str:
    """The record of a call's exchange, with the time it took to the millisecond; empty while there is none."""
    told = dict(call.transcript)
    if "elapsed" in told:
        told["elapsed"] = round(told["elapsed"], 3)
    return json.dumps(told, indent=2, ensure_ascii=False) if told else ""


class DeskPages(PlainLookups, admin.ModelAdmin):
    """Base of every page: nothing deleted, no count of whole tables."""

    show_full_result_count = False
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def trail_of(self, item: Any) -> dict[str, str]:
        """What to ask the trail for, to read what became of `item`; nothing if no event is about such an item."""
        return {}

    def trail(self, request: HttpRequest, item: Any) -> str:
        """The address of an item's trail, empty for whoever may not read it. Django's own history knows nothing."""
        asked = self.trail_of(item) if request.user.has_perm("audit.view_event") else {}
        return f"{reverse('admin:audit_event_changelist')}?{urlencode(asked)}" if asked else ""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        item = self.get_object(request, object_id)
        if item is None or not self.has_view_permission(request, item) or not (address := self.trail(request, item)):
            raise Http404
        return redirect(address)


_REFERENCE = re.compile(r"(?:DSR-)?(?:([0-9]{4})-)?([0-9]{1,6})", re.IGNORECASE)


def references(text: str) -> list[str]:
    """The references that somebody may mean by `text`: DSR-2026-22 names one, 22 one of each year."""
    said = _REFERENCE.fullmatch(text.strip())
    if said is None:
        return []
    years = [said[1]] if said[1] else ReferenceCounter.objects.values_list("year", flat=True)
    return [f"DSR-{year}-{int(said[2]):06d}" for year in years]


class FoundByReference(DeskPages):
    """A list whose search box takes a case reference; `search_fields` names where it stands. The box itself
    (templates/admin/erasure/search_form.html) takes nothing else, so that no person's name gets into an address."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        (where,) = self.search_fields
        repeats = lookup_spawns_duplicates(self.opts, where)
        return queryset.filter(**{f"{where}__in": references(search_term)}), repeats


class ReadOnly(DeskPages):
    """Pages to look at: no adding, no changing, no actions."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()

    def title_of(self, item: Any) -> str:
        """What people know an item by; empty for Django's own words."""
        return ""

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if (item := context.get("original")) and (title := self.title_of(item)):
            context |= {"title": title, "subtitle": "", "trail": self.trail(request, item)}
        return super().render_change_form(request, context, *args, **kwargs)


def demand(request: HttpRequest, permission: str) -> None:
    """403 for whoever lacks `permission`, whatever button the request claims to come from."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


@contextmanager
def telling(request: HttpRequest, done: Any = "") -> Iterator[None]:
    """Runs a change and tells its end: `done` when it succeeded, else the refusal's own words. `Invalid` is left to the
    caller, whose form it belongs to."""
    try:
        yield
    except Invalid:
        raise
    except DeskError as error:
        messages.error(request, error.text)
    except Unreadable:
        messages.error(
            request,
            _("The sealed data could not be opened. Nothing was changed. Check the key ring (KEY_RING)."),
        )
    else:
        if done:
            messages.success(request, done)


def tell_errors(request: HttpRequest, form: forms.Form) -> None:
    """The errors of a small form, as messages above the page it stands on."""
    for name, errors in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        for error in errors:
            messages.error(request, f"{label}: {error}" if label else str(error))


def put_problems(form: forms.BaseForm, problems: list[tuple[str, str]], fields: dict[str, str]) -> None:
    """Puts the problems of an `Invalid` at their fields; `fields` maps JSON pointers to field names. A problem without
    a field stands above the form."""
    for pointer, text in problems:
        name = fields.get(pointer)
        form.add_error(name if name in form.fields else None, text)
