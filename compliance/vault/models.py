"""Data keys: what personal data is sealed with. Who owns one (a case, a vendor account) points here; the vault does not
know them."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DataKey(models.Model):
    """A 256-bit key, wrapped by a key of the ring. Made by `seal.new_key`, ended by `seal.destroy`.

    A destroyed key keeps its row, so that what pointed to it still does, and holds no bytes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ring_key = models.CharField(_("key of the ring"), max_length=64)
    wrapped = models.BinaryField(_("wrapped key"))
    created_at = models.DateTimeField(_("made"))
    destroyed_at = models.DateTimeField(_("destroyed"), null=True, blank=True)

    class Meta:
        verbose_name = _("data key")
        verbose_name_plural = _("data keys")
        constraints = [
            # A key is either whole or destroyed: a row that says "destroyed" and still holds bytes would be a lie.
            models.CheckConstraint(
                name="vault_datakey_whole_or_destroyed",
                condition=Q(destroyed_at__isnull=False, wrapped=b"") | (Q(destroyed_at__isnull=True) & ~Q(wrapped=b"")),
            )
        ]
        indexes = [
            # Which keys of the ring are in use, and what is under each, in the order in which it is wrapped anew.
            models.Index(fields=["ring_key", "id"], condition=Q(destroyed_at=None), name="vault_datakey_living"),
            models.Index(
                fields=["destroyed_at"], condition=Q(destroyed_at__isnull=False), name="vault_datakey_destroyed"
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.pk}"
