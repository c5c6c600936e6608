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
    login_form = SignInForm

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not getattr(request.user, "is_service", False)
