"""What was put before approvers shortly before a case is due."""

from django.db import models

from erasure.states import Escalated

from .case import Case


class Escalation(models.Model):
    """Once a case and stage. `nobody`: nobody who is here may go on with it, so that administrators are told.
    `ended_at`: since when it is settled."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="escalations")
    stage = models.CharField(max_length=20, choices=Escalated.choices)
    nobody = models.BooleanField(default=False)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("at", "id")
        default_permissions = ()
        indexes = [
            models.Index(fields=["case"], condition=models.Q(ended_at__isnull=True), name="escalation_open"),
        ]
        constraints = [models.UniqueConstraint(fields=["case", "stage"], name="escalation_once_a_stage")]

    def __str__(self) -> str:
        return f"escalation:{self.pk}"
