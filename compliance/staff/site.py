from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

from compliance.audit.behind import behind
from compliance.staff import locks, session, sign_ins
from compliance.staff.models import User

_SIGNED_OUT = _(
    "You were not signed in any more: nothing of what you just sent was saved, and nothing was done. Sign in, and do "
    "it once more."
)


class SignInForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Each try counts for the lock-out. While there is a lock, the password is not looked at, and the answer is the
        same whether or not there is such an account."""
        name = self.cleaned_data.get("username")
        if name is None or not self.cleaned_data.get("password"):
            return super().clean()
        try:
            attempt = locks.Try.begin(self.request, name)
        except locks.Locked as locked:
            raise ValidationError(locked.text, code="locked") from None
        given = super().clean()
        attempt.passed(whole=not settings.SECOND_FACTOR)
        return given

    def confirm_login_allowed(self, user: User) -> None:
        """Refuses service accounts with the words used for a wrong password: nobody learns that the account exists."""
        try:
            super().confirm_login_allowed(user)
            if user.is_service:
                raise self.get_invalid_login_error()
        except ValidationError:
            sign_ins.failed(user.get_username())  # the password was right, so that no signal tells of it
            raise


class Site(admin.AdminSite):
    """The desk's admin."""

    site_header = site_title = _("Erasure Desk")
    index_title = _("Overview")
    site_url = None  # there is nothing but the desk
    login_form = SignInForm
    enable_nav_sidebar = False  # the lists need its place
    #: What the index shows beside the list of pages: whoever replaces `index_template` sets it.
    overview: Callable[[HttpRequest], dict[str, Any]] | None = None

    # --- who gets in

    def may_sign_in(self, request: HttpRequest) -> bool:
        """Whether the account of this session is one that opens these pages, second factor or not."""
        return super().has_permission(request) and not getattr(request.user, "is_service", False)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = self.overview(request) if self.overview else {}
        return super().index(request, {**shown, **(extra_context or {})})

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this session opens pages: Django asks it before every view of the admin."""
        return self.may_sign_in(request) and session.passed_second_factor(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Whoever sends a form after their session has ended is told that nothing of it was saved."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            too_late = request.method == "POST" and not self.has_permission(request)
            response: HttpResponseBase = inner(request, *args, **kwargs)
            if too_late and response.status_code == 302:
                messages.warning(request, _SIGNED_OUT)
            return response

        return answer

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        from compliance.staff import pages  # it needs the site

        if request.method == "GET" and self.may_sign_in(request) and not session.passed_second_factor(request):
            return pages.to_second_factor(request)
        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == 302 and self.has_permission(request):
            locks.remember(request, response, request.user)  # type: ignore[arg-type]
        return response

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from compliance.staff.fresh import demand_fresh

        if request.method == "POST":  # who found a desk unlocked guesses no password here: tries are counted there
            demand_fresh(request)
        return super().password_change(request, extra_context)

    # --- addresses

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from compliance.staff import oidc, pages

        def inside(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_view(view), name=name)

        return [
            path("logout/", self.logout, name="logout"),  # also for who never got past the password
            path("second-factor/code/", pages.code, name="second_factor_code"),
            path("second-factor/set-up/", pages.set_up, name="second_factor_set_up"),
            path("oidc/begin/", oidc.begin, name="oidc_begin"),
            path("oidc/done/", oidc.done, name="oidc_done"),
            inside("second-factor/", pages.own, "second_factor"),
            inside("second-factor/recovery-codes/", pages.renew, "second_factor_renew"),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        shown = settings.SECOND_FACTOR and self.has_permission(request)
        own = reverse("admin:second_factor", current_app=self.name) if shown else ""
        provider = {}
        if settings.OIDC_ISSUER:
            begin = reverse("admin:oidc_begin", current_app=self.name)
            provider = {"name": settings.OIDC_PROVIDER_NAME, "begin": begin, "again": f"{begin}?again=1"}
        said = {"second_factor_page": own, "sign_in_elsewhere": provider}
        put_back = behind() if self.has_permission(request) else None
        return {**super().each_context(request), **said, "put_back": put_back}

    # --- order

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
