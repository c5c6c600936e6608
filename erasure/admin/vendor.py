"""Vendor accounts: the list with their health, the form made from the connector, test, pause and resume."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from compliance import clock
from erasure import vendors
from erasure.connectors import REGISTRY
from erasure.connectors.base import BadSettings
from erasure.errors import Invalid
from erasure.models import Vendor
from erasure.normalise import normalise
from erasure.states import CLAIMABLE, Pause

from .forms import OneLine, ReasonForm
from .shared import DeskPages, badge, demand, put_problems, tell_errors, telling
from .vendor_form import ConnectorForm, VendorForm

TEMPLATES = "admin/erasure/vendor"


class AsSentForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"))
    value = forms.CharField(label=gettext_lazy("Value"), strip=False, widget=OneLine)

    def __init__(self, *args: Any, vendor: Vendor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepts = vendor.speaks().accepts
        self.fields["kind"].choices = [(kind, f"{kind} → {name}") for kind, name in accepts.items()]  # type: ignore[attr-defined]

    def sent(self, vendor: Vendor) -> str:
        """What the vendor is sent. Raises ValueError with a sentence."""
        kind = self.cleaned_data["kind"]
        return vendor.speaks().as_sent(kind, normalise(kind, self.cleaned_data["value"]).value)


@admin.register(Vendor)
class VendorPages(DeskPages):
    list_display = ("name", "speaks_to", "base_url", "use", "health", "failures", "due")
    list_filter = ("enabled", "pause", "connector")
    ordering = ("name",)
    actions = None
    place = 30

    # --- the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vendor]:
        due = Q(sub_tasks__status__in=CLAIMABLE, sub_tasks__next_at__lte=clock.now())
        return super().get_queryset(request).annotate(due_work=Count("sub_tasks", filter=due))

    @admin.display(description=gettext_lazy("connector"), ordering="connector")
    def speaks_to(self, vendor: Vendor) -> str:
        return str(REGISTRY[vendor.connector].label) if vendor.connector in REGISTRY else vendor.connector

    @admin.display(description=gettext_lazy("in use"), ordering="enabled")
    def use(self, vendor: Vendor) -> str:
        return badge("good", "✓", _("enabled")) if vendor.enabled else badge("quiet", "–", _("disabled"))

    @admin.display(description=gettext_lazy("health"), ordering="pause")
    def health(self, vendor: Vendor) -> str:
        return health_badge(vendor)

    @admin.display(description=gettext_lazy("due work"), ordering="due_work")
    def due(self, vendor: Any) -> str:
        return str(vendor.due_work)

    # --- addresses

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(require_POST(view)), name=f"erasure_vendor_{name}")

        return [
            at("<uuid:pk>/test/", self.test_view, "test"),
            at("<uuid:pk>/pause/", self.pause_view, "pause"),
            at("<uuid:pk>/resume/", self.resume_view, "resume"),
            at("<uuid:pk>/as-sent/", self.as_sent_view, "as_sent"),
            *super().get_urls(),
        ]

    def _page(self, request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "media": self.media}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context})

    # --- the form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        demand(request, "erasure.add_vendor")
        connector = request.GET.get("connector", "")
        if connector not in REGISTRY:
            return self._page(request, "choose.html", _("Add a vendor account"), form=ConnectorForm())
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
        if form.is_bound and form.is_valid() and self._save(request, form):
            return redirect("admin:erasure_vendor_change", vendor.pk)
        if not may_change:
            for field in form.fields.values():
                field.disabled = True
        return self._shown(request, vendor, form=form)

    def _save(self, request: HttpRequest, form: VendorForm) -> Vendor | None:
        """The stored account, or None with the problems at their fields."""
        if form.vendor is None and Vendor.objects.filter(name=form.cleaned_data["name"].strip()).exists():
            form.add_error("name", _("There is an account with this name already."))
            return None
        before = form.vendor and vendors.effect(form.vendor)
        try:
            vendor = vendors.save(form.values(), by=request.user)
        except Invalid as error:
            put_problems(form, error.problems, form.pointers())
            return None
        messages.success(request, _("%(vendor)s was saved.") % {"vendor": vendor.name})
        if before and vendors.effect(vendor) != before:
            self._tell_consequences(request, vendor)
        return vendor

    def _tell_consequences(self, request: HttpRequest, vendor: Vendor) -> None:
        plans, work = vendors.bound(vendor)
        if plans:
            text = ngettext(
                "%d plan that awaits approval has changed with it: it must be read again before it can be approved.",
                "%d plans that await approval have changed with it: they must be read again before they can be "
                "approved.",
                plans,
            )
            messages.warning(request, text % plans)
        if work:
            text = ngettext(
                "%d approved vendor work no longer does what was approved: it stops for attention before its next "
                "call. Undo the change, then somebody with the role approver tries it again on its case's page; or "
                "they give it up, and a new case is opened.",
                "%d approved vendor works no longer do what was approved: each stops for attention before its next "
                "call. Undo the change, then somebody with the role approver tries them again on their cases' pages; "
                "or they give them up, and new cases are opened.",
                work,
            )
            messages.warning(request, text % work)

    def _shown(self, request: HttpRequest, vendor: Vendor, **context: Any) -> TemplateResponse:
        """The page of an account."""
        shared: dict[str, Any] = {
            "original": vendor,
            "health": health_badge(vendor),
            "may_change": request.user.has_perm("erasure.change_vendor"),
            "may_test": request.user.has_perm("erasure.test_vendor"),
            "pause_form": ReasonForm(auto_id="pause-%s"),
            "due_work": vendor.sub_tasks.filter(status__in=CLAIMABLE, next_at__lte=clock.now()).count(),
        }
        if "form" not in context:
            context["form"] = VendorForm(connector=vendor.connector, vendor=vendor)
        if "as_sent_form" not in context:
            try:
                context["as_sent_form"] = AsSentForm(vendor=vendor, auto_id="sent-%s")
            except BadSettings as error:
                messages.error(request, str(error))
        return self._page(request, "change_form.html", vendor.name, **{**shared, **context})

    def _vendor(self, pk: str | UUID) -> Vendor:
        try:
            number = UUID(str(pk))
        except ValueError:
            raise Http404 from None
        vendor = get_object_or_404(Vendor.objects.select_related("data_key"), pk=number)
        if vendor.connector not in REGISTRY:
            raise Http404
        return vendor

    # --- the posts

    def test_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.test_vendor")
        with telling(request):
            worked, text = vendors.test(self._vendor(pk), by=request.user)
            (messages.success if worked else messages.error)(request, text)
        return redirect("admin:erasure_vendor_change", pk)

    def pause_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.change_vendor")
        form, vendor = ReasonForm(request.POST), self._vendor(pk)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            vendors.pause(vendor, Pause.BY_HAND, reason, clock.now(), trial_at=None, by=request.user)
            messages.success(request, _("Paused: no call is made with this account until it is resumed."))
        else:
            tell_errors(request, form)
        return redirect("admin:erasure_vendor_change", pk)

    def resume_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        demand(request, "erasure.change_vendor")
        vendor = self._vendor(pk)
        if vendor.pause:
            vendors.resume(vendor, by=request.user)
            messages.success(request, _("Resumed: calls are made again."))
        else:
            messages.warning(request, _("The account was not paused."))
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
        sent = ""
        if form.is_valid():
            try:
                sent = form.sent(vendor)
            except ValueError as error:
                form.add_error("value", str(error))
        return self._shown(request, vendor, as_sent_form=form, sent=sent)


def health_badge(vendor: Vendor) -> str:
    if not vendor.pause:
        return badge("good", "✓", _("running"))
    why = Pause(vendor.pause).label
    shown = badge("bad", "‖", why)
    return format_html("{} {}", shown, vendor.pause_note) if vendor.pause_note else shown
