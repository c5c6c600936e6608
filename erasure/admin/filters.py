"""The filters of the list of cases that the fields alone do not give."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from compliance import clock
from erasure.models import Case, SubTask, Vendor
from erasure.states import OPEN

from .case_page import DUE_SOON


class DueFilter(admin.SimpleListFilter):
    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("overdue", _("overdue")), ("soon", _("due within %(days)s days") % {"days": DUE_SOON.days})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        today = clock.today()
        match self.value():
            case "overdue":
                return queryset.filter(status__in=OPEN, due_on__lt=today)
            case "soon":
                return queryset.filter(status__in=OPEN, due_on__range=(today, today + DUE_SOON))
        return queryset


class AttentionFilter(admin.SimpleListFilter):
    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("approval", _("a plan awaits approval")),
            ("needed", _("needs attention")),
            ("person", _("waits for a person")),
            ("none", _("none of these")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "approval":
                return queryset.filter(waiting_plan__isnull=False)
            case "needed":
                return queryset.filter(needs_attention=True)
            case "person":
                return queryset.filter(waits_for_person=True)
            case "none":
                return queryset.filter(needs_attention=False, waits_for_person=False, waiting_plan=None)
        return queryset


class HandlerFilter(admin.SimpleListFilter):
    title = _("handler")
    parameter_name = "handler"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        handlers = get_user_model()._default_manager.filter(cases_handled__isnull=False)
        others = handlers.exclude(username=request.user.get_username()).order_by("username").distinct()
        named = [(str(person.pk), person.get_username()) for person in others[:50]]
        return [("me", _("me")), ("nobody", _("nobody")), *named]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        match self.value():
            case None:
                return queryset
            case "me":
                return queryset.filter(handler=request.user.pk)
            case "nobody":
                return queryset.filter(handler=None)
            case number:
                known = number.isascii() and number.isdigit() and len(number) < 10
                return queryset.filter(handler=int(number)) if known else queryset.none()


class VendorFilter(admin.SimpleListFilter):
    title = _("vendor")
    parameter_name = "vendor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Vendor.objects.values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if not self.value():
            return queryset
        return queryset.filter(pk__in=SubTask.objects.filter(vendor__slug=self.value()).values("case"))
