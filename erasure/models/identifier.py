"""A kind and a value that name the person at a vendor."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import IdentifierState, Origin

from .case import Case
from .sealed import SealedModel


class Identifier(SealedModel):
    """The exact text is sealed; `fingerprint` is a keyed hash of its normal form, for finding it again. Both
    are empty once the personal data of the case was destroyed."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="identifiers")
    kind = models.CharField(_("kind"), max_length=40)
    value_sealed = models.BinaryField(null=True, editable=False)
    fingerprint = models.CharField(max_length=64, db_index=True, editable=False)
    origin = models.CharField(max_length=20, choices=Origin.choices, default=Origin.SUBMITTED)
    state = models.CharField(max_length=20, choices=IdentifierState.choices, default=IdentifierState.ACCEPTED)
    found_by = models.ForeignKey("erasure.Vendor", on_delete=models.PROTECT, null=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("identifier")
        ordering = ("created_at", "id")
        permissions = [("reveal_identifier", "Can reveal masked values")]
        indexes = [
            models.Index(
                fields=["case"], condition=models.Q(state=IdentifierState.PROPOSED), name="identifier_suggested"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "fingerprint"],
                condition=~models.Q(fingerprint=""),  # of a case whose personal data was destroyed
                name="identifier_once_a_case",
            ),
        ]

    @property
    def kind_words(self) -> str:
        """The kind as pages write it: "customer id"."""
        return self.kind.replace("_", " ")

    def __str__(self) -> str:
        return f"identifier:{self.pk}"

    def _key(self) -> DataKey:
        return self.case.data_key

    def value(self) -> str:
        """The exact text. Raises `vault.Unreadable`."""
        return str(self.unseal("value"))
