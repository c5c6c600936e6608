"""Vendor accounts: the list with their health, the form made from the connector, test, pause and resume."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from compliance import clock, language
from compliance.staff.fresh import demand_fresh
from compliance.vault.seal import Unreadable
from erasure import changes, foresight, vendors
from erasure.connectors import REGISTRY
from erasure.connectors.base import BadSettings
from erasure.errors import Invalid
from erasure.models import Vendor
from erasure.normalise import normalise
from erasure.states import Pause

from . import vendor_calls, vendor_health, vendor_reach
from .deed_forms import ReasonForm
from .forms import OneLine
from .shared import DeskPages, demand, put_problems, telling
from .vendor_facts import facts_of, lately_of, listed, queue_of, quota_of
from .vendor_form import VendorForm
from .vendor_health import health_of, number

TEMPLATES = "admin/erasure/vendor"


class AsSentForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"))
    value = forms.CharField(label=gettext_lazy("Value"), strip=False, widget=OneLine)

    def __init__(self, *args: Any, vendor: Vendor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepts = vendor.speaks().accepts
        choices = [(kind, f"{kind.replace('_', ' ')} → {name}") for kind, name in accepts.items()]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]

    def sent(self, vendor: Vendor) -> str:
        """What the vendor is sent. Raises ValueError with a sentence."""
        kind = self.cleaned_data["kind"]
        return vendor.speaks().as_sent(kind, normalise(kind, self.cleaned_data["value"]).value)

    def told(self, vendor: Vendor) -> dict[str, str]:
        """What the page shows of it. Raises ValueError with a sentence."""
        kind = self.cleaned_data["kind"]
        return {"kind": kind.replace("_", " "), "name": vendor.speaks().accepts[kind], "value": self.sent(vendor)}


class ConnectorFilter(admin.SimpleListFilter):
    title = gettext_lazy("connector")
    parameter_name = "connector"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, cls.label) for key, cls in REGISTRY.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Vendor]) -> QuerySet[Vendor]:
        return queryset.filter(connector=self.value()) if self.value() else queryset


@admin.register(Vendor)
class VendorPages(DeskPages):
    list_display = ("account", "speaks_to", "health", "queue", "quota", "lately")
    list_filter = ("enabled", "pause", ConnectorFilter)
    ordering = ("name",)
    actions = None
    place = 30

    # --- the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vendor]:
        return vendor_health.annotated(super().get_queryset(request), clock.now())

    @admin.display(description=gettext_lazy("account"), ordering="name")
    def account(self, vendor: Vendor) -> str:
        return vendor.name

    @admin.display(description=gettext_lazy("connector"), ordering="connector")
    def speaks_to(self, vendor: Vendor) -> str:
        return str(REGISTRY[vendor.connector].label) if vendor.connector in REGISTRY else vendor.connector

    @admin.display(description=gettext_lazy("health"), ordering="pause")
    def health(self, vendor: Any) -> str:
        return health_of(vendor, clock.now()).shown

    @admin.display(description=gettext_lazy("in its queue"))
    def queue(self, vendor: Any) -> str:
        return listed(queue_of(vendor))

    @admin.display(description=gettext_lazy("calls of the week"))
    def quota(self, vendor: Any) -> str:
        return quota_of(vendor) or "–"

    @admin.display(description=gettext_lazy("lately"))
    def lately(self, vendor: Any) -> str:
        return listed(lately_of(vendor))

    def trail_of(self, vendor: Vendor) -> dict[str, str]:
        return {"subject": f"vendor:{vendor.pk}"}

    # --- addresses

    def get_urls(self) -> list[URLPattern]:
        def posted(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(require_POST(view)), name=f"erasure_vendor_{name}")

        return [
            posted("<uuid:pk>/test/", self.test_view, "test"),
            posted("<uuid:pk>/pause/", self.pause_view, "pause"),
            posted("<uuid:pk>/resume/", self.resume_view, "resume"),
            posted("<uuid:pk>/as-sent/", self.as_sent_view, "as_sent"),
            *super().get_urls(),
        ]

    def _page(
        self, request: HttpRequest, template: str, title: Any, status: int = 200, **context: Any
    ) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context}, status=status)

    # --- the form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        demand(request, "erasure.add_vendor")
        connector = request.GET.get("connector", "")
        if connector not in REGISTRY:
            return self._page(request, "choose.html", _("Add a vendor account"), connectors=_connectors())
        form = VendorForm(request.POST if request.method == "POST" else None, connector=connector)
        if form.is_bound and form.is_valid() and (vendor := self._save(request, form)):
            return redirect("admin:erasure_vendor_change", vendor.pk)
        title = _("Add a vendor account: %(connector)s") % {"connector": REGISTRY[connector].label}
        return self._page(request, "change_form.html", title, form=form, may_change=True)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        vendor = self._vendor(object_id)
        may_change = request.user.has_perm("erasure.change_vendor")
        if not self.has_view_permission(request) or (request.method == "POST" and not may_change):
            raise PermissionDenied
        form = VendorForm(request.POST if request.method == "POST" else None, connector=vendor.connector, vendor=vendor)
        reach = None
        if form.is_bound and form.is_valid():
            reach = None if "confirmed" in request.POST else self._foreseen(request, form)
            if not (form.errors or reach) and self._save(request, form):
                return redirect("admin:erasure_vendor_change", vendor.pk)
        if not may_change:
            for field in form.fields.values():
                field.disabled = True
        return self._shown(request, self._vendor(object_id), form=form, reach=reach)

    def _foreseen(self, request: HttpRequest, form: VendorForm) -> list[str] | None:
        """What saving would reach, where it reaches anything; what is wrong stands at its field."""
        assert form.vendor
        try:
            reach = foresight.reach(form.values(), vendor=form.vendor, by=request.user)
        except Invalid as error:
            _put(form, error)
            return None
        return list(vendor_reach.foreseen(reach)) if reach.is_felt else None

    def _save(self, request: HttpRequest, form: VendorForm) -> Vendor | None:
        """The stored account, or None with the problems at their fields."""
        if form.vendor is None and Vendor.objects.filter(name=form.cleaned_data["name"].strip()).exists():
            form.add_error("name", _("There is an account with this name already."))
            return None
        if form.touches_keys():
            demand_fresh(request)
        before = form.vendor and vendors.effect(form.vendor)
        try:
            vendor = vendors.save(form.values(), by=request.user)
        except Invalid as error:
            _put(form, error)
            return None
        text = (
            _("%(vendor)s was saved. It is called at %(address)s.") if vendor.base_url else _("%(vendor)s was saved.")
        )
        messages.success(request, text % {"vendor": vendor.name, "address": vendor.base_url})
        if before and vendors.effect(vendor) != before:
            for text in vendor_reach.told(changes.bound(vendor)):
                messages.warning(request, text)
        return vendor

    def _shown(self, request: HttpRequest, vendor: Any, status: int = 200, **context: Any) -> TemplateResponse:
        """The page of an account."""
        now = clock.now()
        shared: dict[str, Any] = {
            "original": vendor,
            "facts": facts_of(vendor, now, links=request.user.has_perm("erasure.view_subtask")),
            "may_change": request.user.has_perm("erasure.change_vendor"),
            "may_test": request.user.has_perm("erasure.test_vendor"),
            "pause_form": ReasonForm(auto_id="pause-%s"),
            "signs_in_at": _signs_in_at(vendor),
            "trail": self.trail(request, vendor),
            "due": number(vendor.due),
            "waits": number(vendor.due + vendor.later),
            "by_hand": REGISTRY[vendor.connector].by_hand,
            **vendor_calls.context(vendor, now),
        }
        if "form" not in context:
            context["form"] = VendorForm(connector=vendor.connector, vendor=vendor)
        if "as_sent_form" not in context:
            try:
                context["as_sent_form"] = AsSentForm(vendor=vendor, auto_id="sent-%s")
            except BadSettings as error:
                messages.error(request, str(error))
        return self._page(request, "change_form.html", vendor.name, status, **{**shared, **context})

    def _vendor(self, pk: str | UUID) -> Any:
        try:
            pk_of = UUID(str(pk))
        except ValueError:
            raise Http404 from None
        accounts = vendor_health.annotated(Vendor.objects.select_related("data_key"), clock.now())
        vendor = get_object_or_404(accounts, pk=pk_of)
        if vendor.connector not in REGISTRY:
            raise Http404
        return vendor

    # --- the posts

    def test_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.test_vendor")
        with telling(request):
            worked, text = vendors.test(self._vendor(pk), by=request.user)
            (messages.success if worked else messages.error)(request, language.shown(text))
        return redirect("admin:erasure_vendor_change", pk)

    def pause_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.change_vendor")
        form, vendor = ReasonForm(request.POST, auto_id="pause-%s"), self._vendor(pk)
        if not form.is_valid():
            return self._shown(request, vendor, 422, pause_form=form)
        reason = form.cleaned_data["reason"]
        vendors.pause(vendor, Pause.BY_HAND, reason, clock.now(), trial_at=None, by=request.user)
        text = _(
            "Paused: nothing is sent with this account until somebody resumes it. What waits for it says so on its "
            "case's page; nothing is lost, and the time to reply runs on."
        )
        messages.success(request, text)
        return redirect("admin:erasure_vendor_change", pk)

    def resume_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.change_vendor")
        vendor = self._vendor(pk)
        if vendors.resume(vendor, by=request.user):
            messages.success(request, _resumed(vendor))
        else:
            messages.warning(request, _("The account was not paused. Nothing changed."))
        return redirect("admin:erasure_vendor_change", pk)

    def as_sent_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Shows, once, what the vendor is sent for an identifier. It is posted and not kept anywhere."""
        demand(request, "erasure.view_vendor")
        vendor = self._vendor(pk)
        try:
            form = AsSentForm(request.POST, vendor=vendor, auto_id="sent-%s")
        except BadSettings as error:
            messages.error(request, str(error))
            return redirect("admin:erasure_vendor_change", pk)
        sent = None
        if form.is_valid():
            try:
                sent = form.told(vendor)
            except ValueError as error:
                form.add_error("value", str(error))
        return self._shown(request, vendor, as_sent_form=form, sent=sent)


def _connectors() -> list[dict[str, Any]]:
    """The connectors as people choose one (a template would call a class)."""
    return [{name: getattr(cls, name) for name in ("key", "label", "about", "by_hand")} for cls in REGISTRY.values()]


def _put(form: VendorForm, error: Invalid) -> None:
    put_problems(form, [(pointer, form.in_words(text)) for pointer, text in error.problems], form.pointers())


def _resumed(vendor: Any) -> str:
    if not vendor.enabled:
        return _("Resumed. The account is not enabled, though, so nothing is sent yet.")
    if not vendor.due:
        return _("Resumed: calls are made again. Nothing is due now.")
    text = ngettext(
        "Resumed: %(count)s piece of vendor work is due and is sent at the account's pace.",
        "Resumed: %(count)s pieces of vendor work are due and are sent at the account's pace.",
        vendor.due,
    )
    return text % {"count": number(vendor.due)}


def _signs_in_at(vendor: Vendor) -> str:
    with suppress(BadSettings, Unreadable):
        return vendor.speaks().signs_in(vendor.opened_credentials())
    return ""
