"""The record of one HTTP exchange, written before it is made."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from erasure.states import Verdict

from .subtask import SubTask
from .vendor import Vendor


class Call(models.Model):
    """Intent before bytes. A call without a verdict is under way, or its worker died: when the lease ends the sweep
    settles it. `transcript` is redacted; no value of an identifier is ever in it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="calls")
    step = models.CharField(max_length=40)
    writes = models.BooleanField()
    attempt = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    code = models.CharField(max_length=40, blank=True)
    transcript = models.JSONField(default=dict)
    sub_tasks = models.ManyToManyField(SubTask, through="erasure.CallSubTask", related_name="calls")

    class Meta:
        verbose_name = _("call")
        ordering = ("-started_at",)
        indexes = [
            models.Index(fields=["vendor", "-started_at"]),
            models.Index(fields=["lease_until"], condition=models.Q(verdict=""), name="call_under_way"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verdict="", finished_at__isnull=True)
                | (~models.Q(verdict="") & models.Q(finished_at__isnull=False)),
                name="call_verdict_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"call:{self.pk}"


class CallSubTask(models.Model):
    """A sub-task's part in a call, with the epoch under which it was claimed."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="claims")
    sub_task = models.ForeignKey(SubTask, on_delete=models.PROTECT, related_name="claims")
    epoch = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sub_task", "epoch"], name="claim_epoch_once"),
        ]

    def __str__(self) -> str:
        return f"{self.call} for {self.sub_task}"
