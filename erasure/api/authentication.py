"""Who calls: a service account, by one of its tokens, within that token's scopes."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from compliance.staff import tokens

from .problems import Problem


class ServiceTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` (RFC 6750). The account becomes `request.user`, the token `request.auth`.

    A refused token leaves no event: it names no account, its 256 bits are not guessed, and anybody could fill the trail
    with them. What a token does leaves events of its own; when it was last used stands with it."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(text.strip())
        if token is None:
            raise AuthenticationFailed(_("This token is not known, has expired or was revoked. Nothing was done."))
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The token has the scopes that the view names for this method. A method without any is left to be refused as such;
    a view that names none fails closed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token: Any = request.auth
        if token is None:
            return False
        spec = view.specs.get("GET" if request.method == "HEAD" else request.method)
        missing = [scope for scope in spec.scopes if scope not in token.scopes] if spec else []
        if not missing:
            return True
        raise Problem(
            "missing_scope",
            _("This needs a token with the scope %(scope)s. Nothing was done.") % {"scope": missing[0]},
            scope=str(missing[0]),
        )


class _Bearer(OpenApiAuthenticationExtension):
    target_class = ServiceTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of `manage.py token create`."}
