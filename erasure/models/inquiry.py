"""What a person was asked about their request."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from erasure.states import InquiryReason

from .case import Case


class Inquiry(models.Model):
    """A question to the person, open until its answer. Whether the clock of the case stands meanwhile is for its law to
    say (`erasure.due`); the days are those of the desk's zone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="inquiries")
    reason = models.CharField(_("about"), max_length=20, choices=InquiryReason.choices)
    asked_on = models.DateField(_("asked"))
    answered_on = models.DateField(_("answered"), null=True)

    class Meta:
        verbose_name = _("question to the person")
        verbose_name_plural = _("questions to the person")
        ordering = ("asked_on", "id")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["case", "reason"], condition=models.Q(answered_on=None), name="inquiry_open_once_a_reason"
            ),
            models.CheckConstraint(
                condition=models.Q(answered_on=None) | models.Q(answered_on__gte=models.F("asked_on")),
                name="inquiry_answered_after_asked",
            ),
        ]
        # The one per open inquiry is looked for in each sweep.
        indexes = [models.Index(fields=["case"], condition=models.Q(answered_on=None), name="inquiry_open")]

    def __str__(self) -> str:
        return f"{self.case}: {self.get_reason_display()}"
