"""Fresh sign-in: before a deed that matters, people prove again who they are, unless they did a short while ago.

A view says `demand_fresh(request)` before it does anything, after it has looked at permissions. If the last proof is
too old, the view ends there, and a page asks for the password (and a code). That page carries what was posted as hidden
fields and posts it to the same address: whoever confirms has done the very same post. Nothing is kept in the session.
Files cannot be carried: the page asks to choose them again.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.audit.record import actor_of, record
from compliance.staff import actions, locks, second_factor, session, sign_ins

PREFIX = "fresh"
_OURS = f"{PREFIX}-"
_ASKED = f"{_OURS}asked"  # the post comes from the page that asks
_BACK = f"{_OURS}back"  # nothing had been posted: the address is to be opened once more


class Interrupted(Exception):
    """Ends a view with another response."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class FreshSignIn:
    """The middleware that answers in place of a view which `demand_fresh` has ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return error.response if isinstance(error, Interrupted) else None


class ConfirmForm(forms.Form):
    """What proves who somebody is: their password and, where there is a second factor, a code. Who has no password here
    is asked by the identity provider in its place."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        help_text=gettext_lazy("Six digits from your authenticator app, or one of your recovery codes."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, data: Any = None, *, request: HttpRequest) -> None:
        user: Any = request.user
        super().__init__(data, prefix=PREFIX)
        self.request = request
        if not user.has_usable_password():  # who has none confirms at the identity provider
            del self.fields["password"]
        if not needs_code(request):
            del self.fields["code"]

    def clean(self) -> None:
        if not self.errors:
            self._check()

    def _check(self) -> None:
        """Counts for the lock-out; which of the two was wrong is not told."""
        given, user = self.cleaned_data, self.request.user
        if "password" not in self.fields and not session.is_proven_elsewhere(self.request):
            raise forms.ValidationError(
                _("Your identity provider has not asked you again, or too long ago. Nothing was done. Sign in there.")
            )
        try:
            attempt = locks.Try.begin(self.request, user.get_username())
        except locks.Locked as locked:
            raise forms.ValidationError(locked.text) from None
        right = "password" not in self.fields or user.check_password(given["password"])
        if right and "code" in self.fields:
            right = second_factor.accepted(user, given["code"]) is not None
        if not right:
            sign_ins.failed(user.get_username())
            if "password" not in self.fields:
                text = _("The code is wrong, too old, or was used before. Nothing was done.")
            elif "code" in self.fields:
                text = _("The password or the code is wrong, or the code was used before. Nothing was done.")
            else:
                text = _("The password is wrong. Nothing was done.")
            raise forms.ValidationError(text)
        attempt.passed(whole=True)


def needs_code(request: HttpRequest) -> bool:
    """Whether this session stands on a second factor of the desk's own. A provider's is asked for there."""
    return settings.SECOND_FACTOR and getattr(request.user, "otp_device", None) is not None


def demand_fresh(request: HttpRequest) -> None:
    """Returns if whoever sends this request has proven lately who they are, or proves it with this very request.
    Otherwise the view ends here, and the page that asks is the answer. Call it outside transactions, before anything
    is done, and before `request.POST` is read: the fields of that page are taken out of it."""
    given = _take_ours(request)
    form = None
    if not session.is_fresh(request):
        form = ConfirmForm(given if _ASKED in given else None, request=request)
        if not (form.fields and form.is_bound and form.is_valid()):
            _ask(request, form, back=_BACK in given)
        with transaction.atomic():
            record(actions.CONFIRMED, actor=actor_of(request.user), subject=f"user:{request.user.pk}")
        session.prove(request)
    if _BACK in given:
        raise Interrupted(HttpResponseRedirect(request.get_full_path()))


def _take_ours(request: HttpRequest) -> QueryDict:
    """The fields of the page that asks, which are taken out of what was posted."""
    ours = QueryDict(mutable=True)
    if request.method != "POST":
        return ours
    rest = request.POST.copy()
    for name in [name for name in rest if name.startswith(_OURS)]:
        ours.setlist(name, rest.pop(name))
    if ours:
        request.POST = rest  # type: ignore[assignment]
        request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]  # of error reports
    return ours


def _ask(request: HttpRequest, form: ConfirmForm, *, back: bool) -> NoReturn:
    posted = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        **admin.site.each_context(request),
        "title": _("Is it still you?"),
        "form": form,
        "posted": [(name, value) for name, value in posted if name != "csrfmiddlewaretoken"],
        "files": list(request.FILES),
        "asked": _ASKED,
        "back": _BACK if back or request.method != "POST" else "",
        "minutes": settings.FRESH_MINUTES,
    }
    response = TemplateResponse(request, "admin/staff/confirm.html", context, status=403)
    add_never_cache_headers(response)  # it holds what was posted
    raise Interrupted(response)
