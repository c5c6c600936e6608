"""Pages for accounts, roles and tokens. Accounts and groups are not deleted here: the trail names them by number. What
is changed here is recorded where it is stored (`compliance.staff.changes`)."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from compliance import clock
from compliance.audit.record import actor_of
from compliance.staff import actions, locks, second_factor, tokens
from compliance.staff.fresh import demand_fresh
from compliance.staff.lookups import PlainLookups
from compliance.staff.models import Scope, ServiceToken, SignInLock, User


class NeverDeleted(PlainLookups, admin.ModelAdmin):
    """Accounts and roles: who may do what. Each change takes a fresh sign-in."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # Not in `changeform_view`, which Django calls within its transaction.
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method == "POST" and self.has_add_permission(request):
            demand_fresh(request)
        return super().add_view(request, form_url, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method == "POST" and self.has_change_permission(request):
            demand_fresh(request)
        return super().change_view(request, object_id, form_url, extra_context)


class ResetForm(forms.Form):
    reason = forms.ChoiceField(label=_("Why?"), choices=[("", "–"), *actions.RESET_REASONS.items()])


class TwoLists(admin.ModelAdmin):
    """Pages with Django's box that chooses of two lists."""

    class Media:
        js: ClassVar = ["staff/selectors.js"]


@admin.register(User)
class UserPages(NeverDeleted, TwoLists, UserAdmin):
    list_display = ("username", "first_name", "last_name", "is_staff", "is_service", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_service", "groups")
    readonly_fields = ("is_service", "last_login", "date_joined", "second_factor")
    fieldsets = (
        (None, {"fields": ("username", "password", "second_factor", "is_service")}),
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
        if request.method == "POST" and self.has_change_permission(request, user):
            demand_fresh(request)
        return super().user_change_password(request, id, form_url)

    # --- the second factor of others

    @admin.display(description=_("second factor"))
    def second_factor(self, user: User) -> str:
        device = second_factor.authenticator_of(user) if user.pk else None
        if device is None:
            return gettext("Not set up here. Where one is required, it is set up at the next sign-in.")
        day = date_format(localtime(device.created_at), "DATE_FORMAT")
        text, address = (
            gettext("Set up since %(day)s.") % {"day": day},
            reverse("admin:staff_user_reset", args=[user.pk]),
        )
        return format_html('{} <a href="{}">{}</a>', text, address, gettext("Reset…"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reset_view)
        return [path("<int:pk>/second-factor/reset/", view, name="staff_user_reset"), *super().get_urls()]

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Takes somebody's second factor away, for a reason."""
        user = self.get_object(request, str(pk))
        if not request.user.has_perm("staff.reset_authenticator"):
            raise PermissionDenied
        if user is None or user.is_service:
            raise Http404
        by: Any = request.user
        form = ResetForm(request.POST if request.method == "POST" else None)
        if form.is_bound:
            demand_fresh(request)
            form = ResetForm(request.POST)
        if form.is_bound and form.is_valid():
            try:
                second_factor.reset(user, by=by, reason=form.cleaned_data["reason"])
            except second_factor.NotDone as error:
                messages.error(request, str(error))
            else:
                text = gettext("The second factor was reset and all sessions of the account have ended.")
                messages.success(request, text)
            return redirect("admin:staff_user_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Reset the second factor"),
            "form": form,
            "account": user,
        }
        return TemplateResponse(request, "admin/staff/reset.html", context)


admin.site.unregister(Group)


@admin.register(Group)
class GroupPages(NeverDeleted, TwoLists, GroupAdmin):
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

    empty_list = _(
        "No token was made yet. Make the first on the command line, as said above; it is listed here from then on."
    )

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
        demand_fresh(request)
        revoked = [token for token in queryset if tokens.revoke(token, actor=actor_of(request.user))]
        before = len(queryset) - len(revoked)
        if revoked:
            text = ngettext("%d token was revoked: %s.", "%d tokens were revoked: %s.", len(revoked))
            self.message_user(request, text % (len(revoked), ", ".join(map(self.ends_in, revoked))), messages.SUCCESS)
        if before:
            text = ngettext("%d token had been revoked before.", "%d tokens had been revoked before.", before)
            self.message_user(request, text % before, messages.WARNING)


@admin.register(SignInLock)
class SignInLockPages(PlainLookups, admin.ModelAdmin):
    """Who is locked out at the moment, and lifting it."""

    list_display = ("whose", "count", "until")
    list_display_links = None
    ordering = ("-until", "key")
    actions = ("lift",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SignInLock]:
        return super().get_queryset(request).filter(until__gt=clock.now())

    @admin.display(description=_("of"))
    def whose(self, lock: SignInLock) -> str:
        return locks.whose(lock)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("staff.lift_signinlock")

    @admin.action(description=_("Lift: these may sign in again at once"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[SignInLock]) -> None:
        demand_fresh(request)
        lifted = sum(locks.lift(lock, actor=actor_of(request.user)) for lock in queryset)
        text = ngettext("%d lock was lifted.", "%d locks were lifted.", lifted)
        self.message_user(request, text % lifted, messages.SUCCESS if lifted else messages.WARNING)
