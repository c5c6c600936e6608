"""Service tokens: issue, find, revoke."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import record
from compliance.staff import actions
from compliance.staff.acting import acting
from compliance.staff.models import Scope, ServiceToken, User

#: A use is noted at most this often: a busy client must not cost a write for every call.
NOTE_USE_EVERY = timedelta(minutes=1)


class NotIssued(ValueError):
    """No token was made; the text says why and what to do."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _service_account(name: str, actor: str) -> User:
    """The service account of that name, made if missing. Raises `NotIssued` for a person's, a closed or a bad name."""
    name = User.normalize_username(name)
    account = User.objects.filter(username=name).first()
    if account is None:
        account = User(username=name, is_service=True, password=make_password(None))
        try:
            account.full_clean()
        except ValidationError as error:
            raise NotIssued(
                _("No token was made: “%(name)s” cannot be an account's name. %(why)s")
                % {"name": name, "why": " ".join(error.messages)}
            ) from None
        with acting(actor):
            account.save()
        return account
    if not account.is_service:
        raise NotIssued(
            _("No token was made: “%(name)s” is a person's account. Name a service account of its own.")
            % {"name": name}
        )
    if not account.is_active:
        raise NotIssued(
            _("No token was made: the service account “%(name)s” is inactive. Activate it or name another.")
            % {"name": name}
        )
    return account


@transaction.atomic
def issue(
    account_name: str, scopes: Collection[str], expires_in: timedelta | None = None, *, actor: str = "system:command"
) -> tuple[ServiceToken, str]:
    """A new token of a service account, which is made if missing, and the token's text, which is kept nowhere.

    `scopes` are values of `Scope`; without `expires_in` the token lives until it is revoked. Raises `NotIssued`."""
    granted = sorted(set(scopes))
    unknown = [scope for scope in granted if scope not in Scope.values]
    if unknown or not granted:
        raise NotIssued(
            _("No token was made: it needs at least one scope of %(known)s.") % {"known": ", ".join(Scope.values)}
        )
    now = clock.now()
    try:
        expires_at = now + expires_in if expires_in else None
    except OverflowError:
        raise NotIssued(_("No token was made: it would expire too far ahead.")) from None
    text = f"desk_{secrets.token_urlsafe(32)}"
    token = ServiceToken.objects.create(
        account=_service_account(account_name, actor),
        digest=_digest(text),
        hint=text[-4:],
        scopes=granted,
        created_at=now,
        expires_at=expires_at,
    )
    record(
        actions.TOKEN_ISSUED,
        actor=actor,
        subject=f"token:{token.pk}",
        account=f"user:{token.account_id}",
        scopes=granted,
        expires_at=expires_at.date().isoformat() if expires_at else None,
    )
    return token, text


def find(text: str) -> ServiceToken | None:
    """The token with this text if it is valid now (not revoked, not expired, its account active), and notes the use."""
    now = clock.now()
    token = living().select_related("account").filter(digest=_digest(text), account__is_service=True).first()
    if token and (token.last_used_at is None or token.last_used_at <= now - NOTE_USE_EVERY):
        ServiceToken.objects.filter(pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
    return token


def living() -> QuerySet[ServiceToken]:
    """The tokens that open something now."""
    return ServiceToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=clock.now()), revoked_at=None, account__is_active=True
    )


@transaction.atomic
def revoke(token: ServiceToken, *, actor: str) -> bool:
    """Ends a token at once and for good. False if it had been revoked before."""
    if not ServiceToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now()):
        return False
    record(actions.TOKEN_REVOKED, actor=actor, subject=f"token:{token.pk}", account=f"user:{token.account_id}")
    return True
