"""Accounts, service tokens, and the replies that a repeated request gets again."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class User(AbstractUser):
    """An account: a person who signs in, or a service that holds tokens and never signs in."""

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


class Scope(models.TextChoices):
    """What a token may do (contract.md, API)."""

    CASES_READ = "cases:read", _("read cases")
    CASES_WRITE = "cases:write", _("open and change cases")
    CASES_APPROVE = "cases:approve", _("approve cases")
    AUDIT_READ = "audit:read", _("read the audit trail")
    VENDORS_READ = "vendors:read", _("read vendors")


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
