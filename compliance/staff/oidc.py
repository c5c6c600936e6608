"""Signing in with an identity provider (OpenID Connect, code flow with PKCE): optional, off without OIDC_ISSUER.

Authlib speaks the protocol and checks the ID token: signature, issuer, audience, nonce, times. (mozilla-django-oidc was
the other one looked at: it leaves the checks of issuer, audience and expiry to its user, and PKCE is off by default.)
It comes with the extra `oidc` and is imported only when somebody signs in that way.

The provider decides who somebody is and which roles they have; the desk decides what a role may do. A person is known
by issuer and subject, which never change hands, not by a name, which may. An account that has a password here is never
taken over by somebody at the provider who bears its name."""

import logging
from typing import Any

import requests
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.staff import actions, session, sign_ins
from compliance.staff.acting import acting
from compliance.staff.fresh import needs_code
from compliance.staff.models import ProviderAccount, User

logger = logging.getLogger(__name__)

#: What the signature of an ID token may be made with: keys of which the provider alone has the secret half.
ALGORITHMS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
_ON_THE_WAY = "staff_oidc"
_TIMEOUT = 10  # seconds
_LEEWAY = 60  # seconds that the provider's clock may differ
_JUST_NOW = 300  # seconds since the provider has asked again


class Refused(Exception):
    """Nobody was signed in. The text tells the person why; `user` is whom it was about, where that is known."""

    def __init__(self, text: str, user: User | None = None) -> None:
        super().__init__(text)
        self.text, self.user = text, user


# --- the two steps ----------------------------------------------------------------------------------------------------


@never_cache
def begin(request: HttpRequest) -> HttpResponse:
    """Sends the browser to the provider; with `?again=1` to prove once more who is signed in here."""
    _on()
    again = request.GET.get("again") == "1" and request.user.is_authenticated
    wanted = request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    # With a max_age the provider has to say when it has last asked the person (auth_time).
    asked = {"prompt": "login", "max_age": "0"} if again else {"max_age": str(settings.SESSION_COOKIE_AGE)}
    try:
        client = _client()
        response: HttpResponse = client.authorize_redirect(
            request, request.build_absolute_uri(reverse("admin:oidc_done")), **asked
        )
    except Refused as error:
        return _refused(request, error)
    except (requests.RequestException, ValueError, RuntimeError) as error:
        logger.warning("the identity provider did not answer as it should: %s", type(error).__name__)
        return _refused(request, Refused(_("The identity provider could not be reached.")))
    request.session[_ON_THE_WAY] = {"again": again, "next": wanted if own else ""}
    return response


@never_cache
def done(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back to."""
    _on()
    way = request.session.pop(_ON_THE_WAY, None) or {}
    try:
        claims = _claims(request)
        if way.get("again"):
            _prove(request, claims)
            return TemplateResponse(request, "admin/staff/oidc_again.html", _context(request, _("Confirmed")))
        user = _sign_in(request, claims)
    except Refused as error:
        return _refused(request, error)
    _let_in(request, user, claims)
    return HttpResponseRedirect(way.get("next") or reverse("admin:index"))


def _on() -> None:
    if not settings.OIDC_ISSUER:
        raise Http404


# --- what the provider says -------------------------------------------------------------------------------------------


def _client() -> Any:
    """A client that has read what the provider says of itself. Raises `Refused`, and what `requests` raises."""
    from authlib.integrations.django_client import OAuth

    client = OAuth().register(
        "desk",
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        server_metadata_url=f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.OIDC_SCOPE,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT,
        },
    )
    said = client.load_server_metadata()
    if said.get("issuer") != settings.OIDC_ISSUER:
        logger.warning("the identity provider gives another issuer than OIDC_ISSUER")
        raise Refused(_("The identity provider is not the one that OIDC_ISSUER names."))
    supported = set(said.get("id_token_signing_alg_values_supported") or ["RS256"])
    said["id_token_signing_alg_values_supported"] = sorted(supported & ALGORITHMS)
    return client


def _claims(request: HttpRequest) -> dict[str, Any]:
    """The claims of the ID token, checked. Raises `Refused`."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    expected = {
        "iss": {"essential": True, "value": settings.OIDC_ISSUER},
        "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
    }
    try:
        token = _client().authorize_access_token(request, claims_options=expected, leeway=_LEEWAY)
    except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError, RuntimeError) as error:
        logger.warning("a sign-in at the identity provider failed: %s", type(error).__name__)
        raise Refused(_("What the identity provider answered could not be accepted, or took too long.")) from None
    claims = token.get("userinfo")
    if not claims or not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
        raise Refused(_("The identity provider does not say who you are."))
    return dict(claims)


# --- who that is here -------------------------------------------------------------------------------------------------


def _sign_in(request: HttpRequest, claims: dict[str, Any]) -> User:
    """The account of the person, with the roles that the provider gives them today. Raises `Refused`."""
    roles = _roles(claims)
    with acting("system:oidc"), transaction.atomic():
        known = ProviderAccount.objects.select_related("user").filter(
            issuer=settings.OIDC_ISSUER, subject=claims["sub"]
        )
        found = known.first()
        user = found.user if found else (_new(claims) if roles else None)
        if user is not None and user.is_active:
            groups = list(Group.objects.filter(name__in=roles))
            user.groups.set(groups)
            roles = [group.name for group in groups]
    # Out of the transaction: the roles are taken also where nobody is let in.
    if user is None or not roles:
        raise Refused(_("None of your groups at the identity provider has a role here."), user)
    if not user.is_active or not user.is_staff or user.is_service:
        raise Refused(_("Your account here has been deactivated."), user)
    return user


def _roles(claims: dict[str, Any]) -> list[str]:
    said = claims.get(settings.OIDC_GROUPS_CLAIM)
    groups = _words(said)
    return sorted({role for group, role in settings.OIDC_ROLES if group in groups})


def _new(claims: dict[str, Any]) -> User:
    """An account for somebody who has none, or the one that was made for them here without a password."""
    name = User.normalize_username(str(claims.get(settings.OIDC_NAME_CLAIM) or ""))
    user = User.objects.filter(username=name).first()
    if user is None:
        user = User(username=name, is_staff=True)
        user.set_unusable_password()
        try:
            user.full_clean()
        except ValidationError:
            raise Refused(
                _("The name that the identity provider gives you cannot be the name of an account.")
            ) from None
        user.save()
    elif (
        user.has_usable_password()
        or user.is_superuser
        or user.is_service
        or ProviderAccount.objects.filter(user=user).exists()
    ):
        raise Refused(_("There is an account of your name here that does not belong to the identity provider."), user)
    ProviderAccount.objects.create(user=user, issuer=settings.OIDC_ISSUER, subject=claims["sub"])
    return user


def _let_in(request: HttpRequest, user: User, claims: dict[str, Any]) -> None:
    if request.user.is_authenticated and request.user.pk != user.pk:
        auth.logout(request)
    session.trust_provider(request, asked=_asked_for_second_factor(claims))
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    # Whoever has a session at the provider is let in without being asked anything: that proves nothing anew.
    session.proven(request, claims.get("auth_time"))


def _prove(request: HttpRequest, claims: dict[str, Any]) -> None:
    """That the person who is signed in has just been asked again by the provider. Raises `Refused`."""
    at = claims.get("auth_time")
    user: Any = request.user
    same = ProviderAccount.objects.filter(user_id=user.pk, issuer=settings.OIDC_ISSUER, subject=claims["sub"]).exists()
    if not same:
        raise Refused(_("At the identity provider you are somebody else than here."))
    # A trusted second factor is not forgotten on the way: whoever has proven it must prove it again.
    weaker = session.provider_is_trusted(request) and not _asked_for_second_factor(claims)
    if weaker or not isinstance(at, int) or abs(clock.now().timestamp() - at) > _JUST_NOW:
        raise Refused(_("The identity provider did not ask again who you are."))
    if needs_code(request):  # it is given on the page that has sent the person here
        session.prove_elsewhere(request)
        return
    with transaction.atomic():
        record(actions.CONFIRMED, actor=actor_of(request.user), subject=f"user:{request.user.pk}")
    session.prove(request)


def _asked_for_second_factor(claims: dict[str, Any]) -> bool:
    """Whether the provider says so, in one of the words that count here (OIDC_SECOND_FACTOR)."""
    words = _words(claims.get("amr")) | _words(claims.get("acr"))
    return not words.isdisjoint(settings.OIDC_SECOND_FACTOR)


def _words(said: Any) -> set[str]:
    """The words of a claim, which is one or a list of them. What is neither says nothing."""
    return {item for item in (said if isinstance(said, list) else [said]) if isinstance(item, str)}


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    sign_ins.count(actions.SIGN_IN_FAILED, error.user.pk if error.user else None)
    context = {**_context(request, _("You were not signed in")), "why": error.text}
    return TemplateResponse(request, "admin/staff/oidc_refused.html", context, status=403)


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    from django.contrib import admin

    return {**admin.site.each_context(request), "title": title}
