"""People and how they sign in."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from compliance.environment import listed, minutes, read, roles_of_groups, switch, text

from .places import DEBUG, DEMO, VENDOR_LOOPBACK

AUTH_USER_MODEL = "staff.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
#: Whether people need a code beside their password. Without it the desk is as safe as its weakest password.
SECOND_FACTOR = read("SECOND_FACTOR", "0 or 1", switch, "0" if DEBUG or DEMO else "1")
OTP_ISSUER = "Erasure Desk"  # what authenticator apps call it
#: How old the last proof of identity may be before approval, reveal, downloads and work on keys. 0: asked each time.
FRESH_MINUTES = read("FRESH_MINUTES", "a whole number of minutes, 0 or more", minutes, "15")

# An identity provider (OpenID Connect) beside passwords; needs the extra `oidc`.


def _issuer_or_none(raw: str) -> str | None:
    if raw:
        parts = urlsplit(raw)
        local = VENDOR_LOOPBACK and parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or local):
            raise ValueError
    return raw or None


OIDC_ISSUER = read("OIDC_ISSUER", "the provider's https:// address, as its tokens name it", _issuer_or_none, "")
OIDC_CLIENT_ID = text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = text("OIDC_CLIENT_SECRET")
OIDC_SCOPE = text("OIDC_SCOPE", "openid profile")
OIDC_PROVIDER_NAME = text("OIDC_PROVIDER_NAME") or (urlsplit(OIDC_ISSUER).hostname if OIDC_ISSUER else "")
OIDC_NAME_CLAIM = text("OIDC_NAME_CLAIM", "preferred_username")
OIDC_GROUPS_CLAIM = text("OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLES = read("OIDC_ROLES", "a comma-separated list of group=role", roles_of_groups, "")
#: The words in `amr` or `acr` that count as a second factor; without any, the desk asks for its own.
OIDC_SECOND_FACTOR = listed(text("OIDC_SECOND_FACTOR"))
if OIDC_ISSUER:
    for _name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES"):
        if not vars()[_name]:
            raise ImproperlyConfigured(f"{_name} must be set where OIDC_ISSUER is.")
    if "openid" not in OIDC_SCOPE.split():
        raise ImproperlyConfigured("OIDC_SCOPE must hold the word openid.")
    if find_spec("authlib") is None:
        raise ImproperlyConfigured(
            "OIDC_ISSUER must be left out, or the extra installed: pip install erasure-desk[oidc]."
        )
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
