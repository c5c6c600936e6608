from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from compliance.staff.models import User


class SignInForm(AdminAuthenticationForm):
    def confirm_login_allowed(self, user: User) -> None:
        """Refuses service accounts with the words used for a wrong password: nobody learns that the account exists."""
        super().confirm_login_allowed(user)
        if user.is_service:
            raise self.get_invalid_login_error()


class Site(admin.AdminSite):
    """The desk's admin."""

    site_header = site_title = _("Erasure Desk")
    index_title = _("Overview")
    site_url = None  # there is nothing but the desk
    login_form = SignInForm
    enable_nav_sidebar = False  # the lists need its place

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not getattr(request.user, "is_service", False)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The pages in the order of their `place` (a number on the ModelAdmin, small ones first), roles beside the
        people who have them."""
        apps = super().get_app_list(request, app_label)
        by_label = {app["app_label"]: app for app in apps}
        if "auth" in by_label and "staff" in by_label:
            by_label["staff"]["models"] += by_label["auth"]["models"]
            apps.remove(by_label["auth"])
        for app in apps:
            app["models"].sort(key=self._place)
        return sorted(apps, key=lambda app: self._place(app["models"][0]))

    def _place(self, entry: dict[str, Any]) -> int:
        return int(getattr(self._registry[entry["model"]], "place", 1000))
