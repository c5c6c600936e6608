"""Pages for accounts, roles and tokens. Accounts and groups are not deleted here: the trail names them by number."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.staff import tokens
from compliance.staff.lookups import PlainLookups
from compliance.staff.models import Scope, ServiceToken, User


class Audited(PlainLookups, admin.ModelAdmin):
    """Writes `<model>.added` and `<model>.changed` with the names of the changed fields, never their values."""

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        # The admin's add and change views run in one transaction, so the event stands or falls with the change.
        super().save_model(request, obj, form, change)
        name, actor = obj._meta.model_name, actor_of(request.user)
        if not change:
            record(f"{name}.added", actor=actor, subject=f"{name}:{obj.pk}")
        elif form.changed_data:
            record(f"{name}.changed", actor=actor, subject=f"{name}:{obj.pk}", fields=sorted(form.changed_data))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserPages(Audited, UserAdmin):
    list_display = ("username", "first_name", "last_name", "is_staff", "is_service", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_service", "groups")
    readonly_fields = ("is_service", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "is_service")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and obj.is_service:  # its tokens say what it may do
            return ((None, {"fields": ("username", "is_service", "is_active", "date_joined")}),)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only a superuser makes superusers, or gives permissions past the groups."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        if obj is not None and obj.is_service:  # under a new name, the old one's next token would be somebody else's
            fixed = (*fixed, "username")
        return fixed if request.user.is_superuser else (*fixed, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        user = self.get_object(request, id)
        if user is not None and user.is_service:
            raise PermissionDenied
        with transaction.atomic():
            before = user.password if user is not None else ""
            response = super().user_change_password(request, id, form_url)
            after = self.get_object(request, id)
            if after is not None and after.password != before:
                record("user.password_set", actor=actor_of(request.user), subject=f"user:{after.pk}")
        return response


admin.site.unregister(Group)


@admin.register(Group)
class GroupPages(Audited, GroupAdmin):
    pass


class State(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("active")), ("expired", _("expired")), ("revoked", _("revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ServiceToken]) -> QuerySet[ServiceToken]:
        match self.value():
            case "active":
                return queryset.filter(revoked_at=None).exclude(expires_at__lte=clock.now())
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=clock.now())
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(ServiceToken)
class ServiceTokenPages(PlainLookups, admin.ModelAdmin):
    """Tokens can be looked at and revoked. They are issued by `manage.py token create`, which prints each once."""

    list_display = ("ends_in", "account", "may", "created_at", "expires_at", "last_used_at", "state")
    list_filter = (State, "account")
    list_select_related = ("account",)
    fields = ("ends_in", "account", "may", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.display(description=_("token"))
    def ends_in(self, token: ServiceToken) -> str:
        return f"…{token.hint}"

    @admin.display(description=_("may"))
    def may(self, token: ServiceToken) -> str:
        return ", ".join(str(Scope(scope).label) if scope in Scope else scope for scope in token.scopes)

    @admin.display(description=_("state"))
    def state(self, token: ServiceToken) -> str:
        if token.revoked_at:
            return str(_("revoked"))
        return str(_("expired") if token.expires_at and token.expires_at <= clock.now() else _("active"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    # A superuser has every permission, also those that a token does not have.
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("staff.revoke_servicetoken")

    @admin.action(description=_("Revoke: these tokens stop working at once and for good"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServiceToken]) -> None:
        revoked = [token for token in queryset if tokens.revoke(token, actor=actor_of(request.user))]
        before = len(queryset) - len(revoked)
        if revoked:
            text = ngettext("%d token was revoked: %s.", "%d tokens were revoked: %s.", len(revoked))
            self.message_user(request, text % (len(revoked), ", ".join(map(self.ends_in, revoked))), messages.SUCCESS)
        if before:
            text = ngettext("%d token had been revoked before.", "%d tokens had been revoked before.", before)
            self.message_user(request, text % before, messages.WARNING)
