"""Who received the person's data, and was told of its erasure or restriction (GDPR art. 19)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import Channel, NotTold

from .case import Case
from .sealed import SealedModel
from .vendor import Vendor


class Recipient(SealedModel):
    """What people recorded of one recipient: a vendor of the case, or a further recipient, whose name is sealed as it
    may be a person's. Told, or why not; neither as long as it is open. The notes about it justify a why-not. Vendors
    are in the ledger without one (`erasure.recipients`)."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="recipients")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, null=True, related_name="+")
    name_sealed = models.BinaryField(null=True, editable=False)
    told_on = models.DateField(_("told"), null=True)
    channel = models.CharField(_("how"), max_length=20, choices=Channel.choices, blank=True)
    why_not = models.CharField(_("why not"), max_length=20, choices=NotTold.choices, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ("created_at", "id")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["case", "vendor"], name="recipient_once_a_vendor"),
            models.CheckConstraint(
                condition=models.Q(told_on=None, channel="")
                | (models.Q(told_on__isnull=False) & ~models.Q(channel="")),
                name="recipient_told_says_how",
            ),
            models.CheckConstraint(
                condition=models.Q(told_on=None) | models.Q(why_not=""), name="recipient_told_or_why_not"
            ),
        ]

    def __str__(self) -> str:
        return f"recipient:{self.pk}"

    def _key(self) -> DataKey:
        return self.case.data_key
