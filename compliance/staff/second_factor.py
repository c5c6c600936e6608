"""The second factor: codes of an authenticator app, and recovery codes for when it is not at hand.

django-otp knows the algorithm (`oath`), the shape of a device and how a session remembers one. Its throttling of each
device is not used: wrong codes count for the lock-out (`staff.locks`), which an administrator can see and lift."""

import base64
import logging
import re
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.staff import actions
from compliance.staff.models import Authenticator, RecoveryCode, User
from compliance.vault.seal import Unreadable, fingerprint

logger = logging.getLogger(__name__)

RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_LENGTH = 12  # 59 bits


class NotDone(Exception):
    """Nothing was changed; the text says why."""


def authenticator_of(user: Any) -> Authenticator | None:
    """The one that is in use."""
    return Authenticator.objects.filter(user_id=user.pk, confirmed=True).first()


def accepted(user: Any, code: str) -> Authenticator | None:
    """The person's authenticator, if `code` is a code of it or an unused recovery code. It is used up by that."""
    code = re.sub(r"[\s-]", "", code).lower()
    with transaction.atomic():
        device = _locked(user).filter(confirmed=True).first()
        if device is None:
            return None
        if _verified(device, code):
            return device
        if not re.fullmatch(f"[{_ALPHABET}]{{{_LENGTH}}}", code):
            return None
        if not RecoveryCode.objects.filter(user_id=user.pk, digest=_digest(user, code)).delete()[0]:
            return None
        left = RecoveryCode.objects.filter(user_id=user.pk).count()
        record(actions.RECOVERY_CODE_USED, actor=actor_of(user), subject=f"user:{user.pk}", left=left)
        return device


def begin(user: User) -> Authenticator:
    """A new authenticator to be confirmed. What was begun before and not confirmed is gone: somebody else may have
    seen its key."""
    with transaction.atomic():
        for left in _locked(user).filter(confirmed=False):
            left.destroy()
        return Authenticator.make(user)


def begun(user: Any, pk: Any) -> Authenticator | None:
    """The authenticator with this number, if it is the person's and not confirmed yet."""
    return Authenticator.objects.filter(user_id=user.pk, pk=pk, confirmed=False).first()


def confirm(user: User, pk: int, code: str, *, replace: bool) -> tuple[Authenticator, list[str]] | None:
    """Puts the authenticator that was begun to use, if `code` is one of its codes, and returns it with new recovery
    codes; None for a wrong code. Raises `NotDone` where the person has one already, unless they `replace` it."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # one at a time
        devices = {device.pk: device for device in _locked(user)}
        before = next((device for device in devices.values() if device.confirmed), None)
        device = devices.get(pk)
        if device is None or device.confirmed or (before and not replace):
            raise NotDone(_("This set-up is out of date. Nothing was changed. Begin again."))
        if not _verified(device, code.replace(" ", "")):
            return None
        if before:
            before.destroy()
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        subject = f"user:{user.pk}"
        record(actions.SECOND_FACTOR_SET, actor=actor_of(user), subject=subject, replaced=before is not None)
        return device, renew_recovery_codes(user)


def renew_recovery_codes(user: User) -> list[str]:
    """New recovery codes, as they are shown this once. Those before them work no more."""
    made = ["".join(secrets.choice(_ALPHABET) for _place in range(_LENGTH)) for _number in range(RECOVERY_CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user_id=user.pk).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user.pk, digest=_digest(user, code)) for code in made)
        record(actions.RECOVERY_CODES_MADE, actor=actor_of(user), subject=f"user:{user.pk}")
    return ["-".join(re.findall("....", code)) for code in made]


def reset(user: User, *, by: User | None, reason: str) -> None:
    """Takes somebody's second factor away: they set up a new one at their next sign-in. Their sessions end, for the old
    device may be in other hands. `by` is None on the command line, whose user may do anything anyway. `reason` is a
    word of `actions.RESET_REASONS`. Raises `NotDone` for one's own: who has no code must not do it, and who has one
    changes the device on their own page."""
    if by and user.pk == by.pk:
        raise NotDone(_("Nobody resets their own second factor. Nothing was changed. Ask another administrator."))
    if by and user.is_superuser and not by.is_superuser:
        raise NotDone(_("Only a superuser resets the second factor of one. Nothing was changed."))
    actor = actor_of(by) if by else "system:command"
    with transaction.atomic():
        take_away(user)
        end_sessions(user)
        record(actions.SECOND_FACTOR_RESET, actor=actor, subject=f"user:{user.pk}", reset_reason=reason)


def take_away(user: User) -> None:
    """Destroys a person's authenticators and recovery codes. In a transaction, whose event says why."""
    for device in _locked(user):
        device.destroy()
    RecoveryCode.objects.filter(user_id=user.pk).delete()


def end_sessions(user: User) -> int:
    """Ends every session of an account, wherever it was signed in; returns how many. A session does not say whose it is
    in a column, so all that live are looked at: a few hundred in a large office."""
    ended = 0
    for stored in Session.objects.filter(expire_date__gt=clock.now()).iterator():
        if stored.get_decoded().get("_auth_user_id") == str(user.pk):
            ended += stored.delete()[0]
    return ended


# --- what the pages show of it ----------------------------------------------------------------------------------------


def key_text(device: Authenticator) -> str:
    """The key as people type it into an app: Base32. Raises `vault.Unreadable`."""
    return base64.b32encode(device.key()).decode()


def address_for_app(device: Authenticator) -> str:
    """What the QR code says (Google Authenticator's "Key URI Format"). Raises `vault.Unreadable`."""
    issuer = settings.OTP_ISSUER
    said = {"secret": key_text(device), "issuer": issuer, "algorithm": "SHA1", "digits": 6, "period": device.STEP}
    return f"otpauth://totp/{quote(issuer)}:{quote(device.user.get_username())}?{urlencode(said, quote_via=quote)}"


def _locked(user: Any) -> Any:
    return Authenticator.objects.select_for_update(of=("self",)).select_related("data_key").filter(user_id=user.pk)


def _digest(user: Any, code: str) -> str:
    return fingerprint("recovery code", f"{user.pk}:{code}")


def _verified(device: Authenticator, code: str) -> bool:
    try:
        return device.verify_token(code)
    except Unreadable as error:  # the person can still use a recovery code
        logger.error("%s cannot be opened: %s", device, error)
        return False
