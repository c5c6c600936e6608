"""Who was erased, as keyed fingerprints and nothing else, so that a re-import is noticed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .case import Case


class Suppressed(models.Model):
    """One identifier of somebody who was erased: HMAC-SHA256 under a key of its own (setting SUPPRESSION_KEY). It
    outlives the destruction of its case's data, and goes when its own time is over (`until`)."""

    fingerprint = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=40)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="suppressed")
    added_at = models.DateTimeField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("entry of the suppression list")
        verbose_name_plural = _("entries of the suppression list")
        default_permissions = ("delete",)
        permissions = [("check_suppressed", "Can check who is on the suppression list")]

    def __str__(self) -> str:
        return f"suppressed:{self.pk}"
