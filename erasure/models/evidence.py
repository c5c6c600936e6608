"""What a vendor delivered, sealed in a file outside the database."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from compliance.vault.models import DataKey

from .call import Call
from .case import Case
from .sealed import SealedModel
from .subtask import SubTask


class Evidence(SealedModel):
    """`sha256` and `size` are of the plain content, which is sealed under a key of its own, so that its end is final in
    backups too; an older one is sealed under the key of its case. After `keep_until` the content goes; hash and counts
    stay."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="evidence")
    sub_task = models.ForeignKey(SubTask, on_delete=models.PROTECT, null=True, related_name="evidence")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, related_name="evidence")
    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, null=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    name = models.CharField(_("file name"), max_length=100)
    size = models.PositiveBigIntegerField(_("size"))
    sha256 = models.CharField("SHA-256", max_length=64)
    counts = models.JSONField(_("counts"), default=dict)
    created_at = models.DateTimeField(_("created at"))
    keep_until = models.DateTimeField(_("keep until"), null=True, db_index=True)
    removed_at = models.DateTimeField(_("removed at"), null=True)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = pgettext_lazy("several", "evidence")
        ordering = ("created_at",)
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="evidence_newest"),
            models.Index(fields=["kind", "-created_at", "-id"], name="evidence_kind"),
        ]
        permissions = [("download_evidence", "Can download evidence")]

    def __str__(self) -> str:
        return f"evidence:{self.pk}"

    def _key(self) -> DataKey:
        return self.data_key or self.case.data_key
