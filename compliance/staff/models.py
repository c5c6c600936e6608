"""Accounts, service tokens, and the replies that a repeated request gets again."""

import re
import secrets
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_otp.models import Device
from django_otp.oath import TOTP

from compliance import clock
from compliance.staff import changes
from compliance.vault import seal
from compliance.vault.models import DataKey


class AccountQuerySet(models.QuerySet["User"]):
    """Accounts that tell of their changes also where many are changed at once."""

    def update(self, **values: Any) -> int:
        with transaction.atomic():
            before = changes.state_of(self)
            count = super().update(**values)
            changes.tell(before, changes.state_of(User.objects.filter(pk__in=before)))
        return count

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("Accounts are made one by one: each leaves an event.")


class AccountManager(UserManager["User"]):
    use_in_migrations = False

    def get_queryset(self) -> AccountQuerySet:
        return AccountQuerySet(self.model, using=self._db)


class User(AbstractUser):
    """An account: a person who signs in, or a service that holds tokens and never signs in."""

    objects: ClassVar[AccountManager] = AccountManager()
    _rehashing = False

    is_service = models.BooleanField(
        _("service account"),
        default=False,
        editable=False,
        help_text=_("Holds tokens for the API. It has no password and cannot sign in."),
    )

    class Meta(AbstractUser.Meta):
        # Accounts are never deleted, only deactivated: the trail names them by number.
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(
                name="staff_user_service_cannot_sign_in",
                condition=Q(is_service=False)
                | Q(is_staff=False, is_superuser=False, password__startswith=UNUSABLE_PASSWORD_PREFIX),
                violation_error_message=_(
                    "A service account has no password and no access to these pages. Make an account for the person "
                    "instead."
                ),
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whatever changes an account, be it a page, a command or a script, comes here; the event is written here."""
        fields = kwargs.get("update_fields")
        if self._rehashing or (fields is not None and changes.UNTOLD.issuperset(fields)):
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            before = changes.state_of(User.objects.filter(pk=self.pk))
            super().save(*args, **kwargs)
            changes.tell(before, changes.state_of(User.objects.filter(pk=self.pk)))

    def check_password(self, raw_password: str | None) -> bool:
        """Django may store a stronger hash of the password that was given: that is no new password."""
        self._rehashing = True
        try:
            return super().check_password(raw_password)
        finally:
            self._rehashing = False


class FailedSignIns(models.Model):
    """How often a sign-in has failed since a moment: for an account (`user:3`), or for all names that none has."""

    account = models.CharField(max_length=80, primary_key=True)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"failed sign-ins of {self.account}"


class SignInLock(models.Model):
    """Failed sign-ins that count for a lock-out (`staff.locks`): of an account (`user:3`), of a browser that it has
    signed in with before, of an address, or of a name without an account. While `until` is to come, it is locked."""

    key = models.CharField(max_length=80, primary_key=True)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(_("failed sign-ins"), default=0)
    until = models.DateTimeField(_("locked until"), null=True)

    class Meta:
        verbose_name = _("locked sign-in")
        verbose_name_plural = _("locked sign-ins")
        default_permissions = ("view",)
        permissions = [("lift_signinlock", "Can lift locks of sign-ins")]

    def __str__(self) -> str:
        return f"lock:{self.key.partition(':')[0]}"


class Authenticator(Device):
    """The app on a person's device that makes the codes of their second factor (TOTP, RFC 6238). Its key is sealed;
    django-otp's own TOTP model keeps it in clear. A person has one confirmed one at most."""

    STEP = 30  # seconds
    # Declared anew, so that our migrations do not hang on the words of django-otp's.
    name = None
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    confirmed = models.BooleanField(default=False, editable=False)
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="+", editable=False)
    sealed_key = models.BinaryField(editable=False)
    last_step = models.BigIntegerField(default=-1, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        default_permissions = ()
        permissions = [("reset_authenticator", "Can reset the second factor of others")]
        constraints = [
            models.UniqueConstraint(
                name="staff_authenticator_one_a_person", fields=["user"], condition=Q(confirmed=True)
            )
        ]

    def __str__(self) -> str:
        return f"authenticator:{self.pk}"

    @classmethod
    def make(cls, user: User) -> "Authenticator":
        """A new one with a key of its own, not yet confirmed."""
        data_key = seal.new_key()
        sealed = seal.seal(data_key, secrets.token_bytes(20), **cls._place(data_key))
        return cls._default_manager.create(
            user=user, confirmed=False, data_key=data_key, sealed_key=sealed, created_at=clock.now()
        )

    @staticmethod
    def _place(data_key: DataKey) -> dict[str, Any]:
        # The data key, which is nobody else's, in place of the row: its number is known only after it is stored.
        return {"table": "staff_authenticator", "row": data_key.pk, "field": "key"}

    def key(self) -> bytes:
        """The secret that is shared with the app. Raises `vault.Unreadable`."""
        return seal.unseal(self.data_key, self.sealed_key, **self._place(self.data_key))

    def verify_token(self, token: str) -> bool:
        """Whether this is a code of now, or of the half minute before or after it, and newer than any that was taken.
        Then it is taken. To be called with the row locked. Raises `vault.Unreadable`."""
        if not re.fullmatch(r"[0-9]{6}", token):
            return False
        totp = TOTP(self.key(), step=self.STEP)
        totp.time = clock.now().timestamp()
        if not totp.verify(int(token), tolerance=1, min_t=self.last_step + 1):
            return False
        self.last_step = totp.t()
        self.save(update_fields=["last_step"])
        return True

    def destroy(self) -> None:
        """Ends it, and its key."""
        data_key = self.data_key
        self.delete()
        seal.destroy(data_key)


class RecoveryCode(models.Model):
    """A code that stands in for a code of the authenticator, once. Only a keyed hash of it is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"recovery_code:{self.pk}"


class ProviderAccount(models.Model):
    """Whose account it is at the identity provider (`staff.oidc`): issuer and subject name a person for good."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="staff_provider_account", fields=["issuer", "subject"])]

    def __str__(self) -> str:
        return f"provider_account:{self.pk}"


class Scope(models.TextChoices):
    """What a token may do (contract.md, API)."""

    CASES_READ = "cases:read", _("read cases")
    CASES_WRITE = "cases:write", _("open and change cases")
    CASES_APPROVE = "cases:approve", _("approve cases")
    AUDIT_READ = "audit:read", _("read the audit trail")
    VENDORS_READ = "vendors:read", _("read vendors")
    SUPPRESSION_READ = "suppression:read", _("check who is on the suppression list")
    METRICS_READ = "metrics:read", _("read the desk's metrics")


class ServiceToken(models.Model):
    """One token of a service account. Only its SHA-256 digest is kept: 256 random bits need no slow hash."""

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tokens", verbose_name=_("account")
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends in"), max_length=4, editable=False)
    scopes = models.JSONField(_("scopes"), editable=False)
    created_at = models.DateTimeField(pgettext_lazy("token", "issued"), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("service token")
        verbose_name_plural = _("service tokens")
        ordering = ("-created_at", "-pk")
        default_permissions = ("view",)
        permissions = [("revoke_servicetoken", "Can revoke service tokens")]

    def __str__(self) -> str:
        return f"token:{self.pk}"


class IdempotentReply(models.Model):
    """What a request with an Idempotency-Key was answered, so that its repeat is answered alike and done once. The key
    and the request are kept as keyed hashes, of the reply what the API may show: no personal data."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="staff_reply_once_a_key")]

    def __str__(self) -> str:
        return f"reply:{self.pk}"

    @classmethod
    def forget(cls, before: datetime, *, limit: int = 1000) -> int:
        """Removes at most `limit` replies that were given before this moment; returns how many."""
        due = cls._default_manager.filter(created_at__lt=before).order_by("pk").values_list("pk", flat=True)[:limit]
        return cls._default_manager.filter(pk__in=list(due)).delete()[0]
