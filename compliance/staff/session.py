"""What a session of a signed-in person has proven, and when."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from compliance import clock

_PROVEN = "staff_proven_at"
#: When the identity provider has asked again, where a code is still due (`fresh`).
_PROVEN_ELSEWHERE = "staff_proven_elsewhere_at"
#: For this long a proof counts at least for people without a password here, who give it on another page.
_ELSEWHERE = timedelta(minutes=5)
#: Set where the identity provider has asked for a second factor and its word counts (OIDC_SECOND_FACTOR).
_PROVIDER = "staff_provider_second_factor"


def prove(request: HttpRequest) -> None:
    """Notes that whoever sends this request has just proven who they are."""
    proven(request, int(clock.now().timestamp()))
    request.session.pop(_PROVEN_ELSEWHERE, None)


def prove_elsewhere(request: HttpRequest) -> None:
    """Notes that the identity provider has just asked again. Where a code is due too, this is half a proof."""
    request.session[_PROVEN_ELSEWHERE] = int(clock.now().timestamp())


def is_proven_elsewhere(request: HttpRequest) -> bool:
    """Whether the identity provider has asked again a moment ago."""
    at = request.session.get(_PROVEN_ELSEWHERE)
    return isinstance(at, int) and -60 < clock.now().timestamp() - at < _ELSEWHERE.total_seconds()


def proven(request: HttpRequest, at: Any) -> None:
    """Notes when the person has last proven who they are: a Unix time, or None where nobody can tell."""
    request.session[_PROVEN] = at


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof is younger than FRESH_MINUTES."""
    at = request.session.get(_PROVEN)
    if not isinstance(at, int):
        return False
    counts = timedelta(minutes=settings.FRESH_MINUTES)
    if not request.user.has_usable_password():  # type: ignore[union-attr]  # somebody is signed in
        counts = max(counts, _ELSEWHERE)
    # A proof from the time to come is none: a clock was wrong, then or now. Hosts differ by less than a minute.
    return -60 < clock.now().timestamp() - at < counts.total_seconds()


def passed_second_factor(request: HttpRequest) -> bool:
    """Whether this session needs no code any more."""
    if not settings.SECOND_FACTOR or provider_is_trusted(request):
        return True
    return getattr(getattr(request, "user", None), "otp_device", None) is not None


def trust_provider(request: HttpRequest, *, asked: bool) -> None:
    """Notes whether the identity provider has asked for a second factor."""
    request.session[_PROVIDER] = asked


def provider_is_trusted(request: HttpRequest) -> bool:
    """Whether the session stands on a second factor that the identity provider has asked for."""
    return request.session.get(_PROVIDER) is True
