"""A plan version of a case, and who took which part in it."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from erasure.states import RevisionStatus, Role

from .case import Case


class PlanRevision(models.Model):
    """What one approval approves. The first holds the whole plan, each later one only what is added. `keeps_days`: for
    how long it keeps fingerprints of whom it erases (0: not at all); `keep_since`: they are due, since the case ended
    then (first version only)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, editable=False)
    status = models.CharField(max_length=20, choices=RevisionStatus.choices, default=RevisionStatus.OPEN)
    created_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)
    keeps_days = models.PositiveIntegerField(default=0)
    keep_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("plan version")
        ordering = ("number",)
        indexes = [
            models.Index(
                fields=["keep_since"], condition=models.Q(keep_since__isnull=False), name="revision_keeps_due"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="revision_number_once_a_case"),
            models.UniqueConstraint(
                fields=["case"], condition=models.Q(status=RevisionStatus.OPEN), name="revision_one_open_a_case"
            ),
            models.CheckConstraint(
                condition=models.Q(status=RevisionStatus.APPROVED, approved_at__isnull=False)
                | (~models.Q(status=RevisionStatus.APPROVED) & models.Q(approved_at__isnull=True)),
                name="revision_approved_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case.reference} plan {self.number}"


class PlanParty(models.Model):
    """One person's part in one plan version: author or approver, never both. The first constraint *is* the four-eyes
    rule, whatever the code does; the second lets a version be approved once."""

    revision = models.ForeignKey(PlanRevision, on_delete=models.PROTECT, related_name="parties")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "person"], name="plan_four_eyes"),
            models.UniqueConstraint(
                fields=["revision"], condition=models.Q(role=Role.APPROVER), name="plan_approved_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.revision}: {self.role}"
