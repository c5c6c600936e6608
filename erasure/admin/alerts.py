"""What is wrong now: a sentence for each cause, however many cases it stops, what to do, and the way there."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, F, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erasure.alerts import words
from erasure.models import Alert
from erasure.states import Trouble

from .shared import ReadOnly, badge


class State(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        match self.value():
            case "open":
                return queryset.filter(ended_at=None)
            case "over":
                return queryset.exclude(ended_at=None)
        return queryset


@admin.register(Alert)
class AlertPages(ReadOnly):
    place = 35
    list_display = ("what", "to_do", "begun_at", "ended_at", "told_at")
    list_filter = (State, "kind")
    list_select_related = ("vendor",)
    ordering = (F("ended_at").asc(nulls_first=True), "begun_at", "cause")
    fields = ("what", "account", "in_full", "begun_at", "ended_at", "told_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With whether vendor work may be opened by whoever asks: a vendor manager reads of it alone."""
        opens = Value(request.user.has_perm("erasure.view_subtask"), output_field=BooleanField())
        return super().get_queryset(request).select_related("vendor").annotate(opens_work=opens)

    def title_of(self, alert: Alert) -> str:
        return capfirst(words.title(alert))

    @admin.display(description=_("what is wrong"), ordering="kind")
    def what(self, alert: Alert) -> str:
        sign = badge("quiet", "✓", gettext("over")) if alert.ended_at else badge("bad", "!", gettext("open"))
        return format_html("{} {}", sign, self.title_of(alert))

    @admin.display(description=_("vendor account"))
    def account(self, alert: Alert) -> str:
        if alert.vendor is None:
            return gettext("It is of no single account.")
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:erasure_vendor_change", args=[alert.vendor.pk]), alert.vendor
        )

    @admin.display(description=_("what to do"))
    def to_do(self, alert: Any) -> str:
        return _told(alert, _briefly(alert))

    @admin.display(description=_("what to do"))
    def in_full(self, alert: Any) -> str:
        return _told(alert, _briefly(alert) if alert.ended_at else words.details(alert))


def _briefly(alert: Alert) -> Iterable[str]:
    """What it means and what to do, without asking the database; but for letters, of which there is one alert."""
    if alert.ended_at:
        return [gettext("It is over: there is nothing to do.")]
    if alert.kind != Trouble.ATTENTION:
        return words.details(alert)
    text = ngettext(
        "%(count)s piece of vendor work is stopped. Its case's page says what happened, whether anything was done at "
        "the vendor, and what to do.",
        "%(count)s pieces of vendor work are stopped. Each case's page says what happened, whether anything was done "
        "at the vendor, and what to do.",
        alert.count,
    )
    return [text % {"count": alert.count}]


def _told(alert: Any, sentences: Iterable[str]) -> SafeString:
    said = format_html_join(" ", "{}", ((sentence,) for sentence in sentences if sentence))
    of_cases = alert.kind in (Trouble.ATTENTION, Trouble.ESCALATED)
    path = "" if alert.ended_at or (of_cases and not alert.opens_work) else words.way_out(alert)
    if not path:
        return said
    where = gettext("Open the vendor account")
    if of_cases:
        where = gettext("Show this vendor work") if alert.kind == Trouble.ATTENTION else gettext("Show these cases")
    return format_html('{}<br><a href="{}">{}</a>', said, path, where)
