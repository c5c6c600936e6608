"""The pages of the second factor: giving a code, setting up an authenticator, recovery codes.

The first two are for people who have given their password and nothing else yet; so they stand outside
`AdminSite.admin_view`, and look for themselves who asks."""

from typing import Any

import django_otp
import segno
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from compliance.audit.record import actor_of, record
from compliance.staff import actions, locks, second_factor, session, sign_ins
from compliance.staff.fresh import demand_fresh
from compliance.staff.models import Authenticator

_ENROLLING = "staff_enrolling"


def _code_field(help_text: Any, **attributes: str) -> forms.CharField:
    shown = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": "autofocus"}
    return forms.CharField(
        label=gettext_lazy("Code"), max_length=40, help_text=help_text, widget=forms.TextInput(shown | attributes)
    )


class CodeForm(forms.Form):
    code = _code_field(gettext_lazy("Six digits from your authenticator app, or one of your recovery codes."))

    def __init__(self, data: Any = None, *, request: HttpRequest) -> None:
        super().__init__(data)
        self.request = request
        self.device: Authenticator | None = None

    def clean_code(self) -> str:
        """Takes the code, and counts for the lock-out."""
        user, code = self.request.user, str(self.cleaned_data["code"])
        try:
            attempt = locks.Try.begin(self.request, user.get_username())
        except locks.Locked as locked:
            raise forms.ValidationError(locked.text) from None
        self.device = second_factor.accepted(user, code)
        if self.device is None:
            sign_ins.failed(user.get_username())
            raise forms.ValidationError(
                _("This code is wrong, too old, or was used before. Wait for the next one that your app shows.")
            )
        attempt.passed(whole=True)
        return code


class SetUpForm(forms.Form):
    code = _code_field(gettext_lazy("The six digits that your app shows now."), inputmode="numeric")


def to_second_factor(request: HttpRequest) -> HttpResponse:
    """Where somebody goes who has given a password and still owes the second factor."""
    return HttpResponseRedirect(f"{reverse('admin:second_factor_code')}?{urlencode({'next': _onward(request)})}")


@never_cache
@sensitive_post_parameters()
def code(request: HttpRequest) -> HttpResponse:
    """The second half of a sign-in."""
    if refused := _not_here(request):
        return refused
    if session.passed_second_factor(request):
        return HttpResponseRedirect(_onward(request))
    if second_factor.authenticator_of(request.user) is None:
        return HttpResponseRedirect(f"{reverse('admin:second_factor_set_up')}?{urlencode({'next': _onward(request)})}")
    form = CodeForm(request.POST if request.method == "POST" else None, request=request)
    if form.is_bound and form.is_valid() and form.device:
        return _verified(request, form.device, HttpResponseRedirect(_onward(request)))
    return _page(request, "code.html", _("Second factor"), form=form, next=_onward(request))


@never_cache
@sensitive_post_parameters()
def set_up(request: HttpRequest) -> HttpResponse:
    """Sets up an authenticator: the first one after the first password, or another in its place."""
    if refused := _not_here(request):
        return refused
    before = second_factor.authenticator_of(request.user)
    passed = session.passed_second_factor(request)
    if before and not passed:  # a password alone must not bring a device of its own
        return to_second_factor(request)
    demand_fresh(request)
    device = second_factor.begun(request.user, request.session.get(_ENROLLING))
    form = SetUpForm(request.POST if request.method == "POST" else None)
    if form.is_bound:
        if device is None:  # confirmed already, or begun anew elsewhere
            return redirect("admin:second_factor" if passed else "admin:second_factor_set_up")
        if form.is_valid() and (answer := _confirm(request, device, form, replace=passed)):
            return answer
    if device is None:
        device = second_factor.begin(request.user)  # type: ignore[arg-type]  # _not_here: somebody is signed in
        request.session[_ENROLLING] = device.pk
    key = second_factor.key_text(device)
    shown = {"qr": _qr(device), "key": " ".join(key[at : at + 4] for at in range(0, len(key), 4))}
    title = _("Change your authenticator") if before else _("Set up your second factor")
    return _page(request, "set_up.html", title, form=form, before=before, next=_onward(request), **shown)


def _confirm(request: HttpRequest, device: Authenticator, form: SetUpForm, *, replace: bool) -> HttpResponse | None:
    """The page with the recovery codes; None with the problem in the form."""
    try:
        done = second_factor.confirm(
            request.user,  # type: ignore[arg-type]
            device.pk,
            form.cleaned_data["code"],
            replace=replace,
        )
    except second_factor.NotDone as error:
        form.add_error(None, str(error))
        return None
    if done is None:
        text = _("This is not the code that belongs to this key now. Look at your app and at its clock, and try again.")
        form.add_error("code", text)
        return None
    del request.session[_ENROLLING]
    confirmed, codes = done
    return _verified(request, confirmed, _codes_page(request, codes))


def own(request: HttpRequest) -> HttpResponse:
    """A person's own second factor."""
    if not settings.SECOND_FACTOR:
        raise Http404
    device = second_factor.authenticator_of(request.user)
    left = request.user.recovery_codes.count()  # type: ignore[union-attr]
    return _page(request, "second_factor.html", _("Second factor"), device=device, left=left, few=left <= 3)


@require_POST
def renew(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of those before."""
    if not settings.SECOND_FACTOR or second_factor.authenticator_of(request.user) is None:
        raise Http404
    demand_fresh(request)
    return _codes_page(request, second_factor.renew_recovery_codes(request.user))  # type: ignore[arg-type]


# --- what they share --------------------------------------------------------------------------------------------------


def _not_here(request: HttpRequest) -> HttpResponse | None:
    """The answer for whoever these pages are not for."""
    if not settings.SECOND_FACTOR:
        raise Http404
    if not admin.site.may_sign_in(request):  # type: ignore[attr-defined]
        return redirect_to_login(_onward(request), reverse("admin:login"))
    return None


def _verified(request: HttpRequest, device: Authenticator, response: HttpResponse) -> HttpResponse:
    """The session has its second factor from here on. A sign-in that cannot be recorded is none."""
    if not session.passed_second_factor(request):
        with transaction.atomic():
            record(actions.SIGNED_IN, actor=actor_of(request.user), subject=f"user:{request.user.pk}")
    django_otp.login(request, device)
    request.session.cycle_key()
    locks.remember(request, response, request.user)  # type: ignore[arg-type]
    return response


def _onward(request: HttpRequest) -> str:
    """Where the person wanted to go: a page of this desk."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("admin:index")


def _qr(device: Authenticator) -> SafeString:
    drawn = segno.make(second_factor.address_for_app(device), error="m").svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="staff-qr", lineclass=None, omitsize=True
    )
    return mark_safe(drawn)  # noqa: S308 - squares and our own attributes


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    onward = _onward(request)
    response = _page(request, "recovery_codes.html", _("Your recovery codes"), codes=codes, next=onward)
    response["Cache-Control"] = "no-store"
    return response


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name
    return TemplateResponse(
        request, f"admin/staff/{template}", {**admin.site.each_context(request), "title": title, **context}
    )
