"""The record of one HTTP exchange, written before it is made."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from erasure.states import Verdict

from .subtask import SubTask
from .vendor import Vendor


class Call(models.Model):
    """Intent before bytes. A call without a verdict is under way, or its worker died: when the lease ends the sweep
    settles it. `transcript` is redacted; no value of an identifier is ever in it. `size`: how many distinct identifiers
    a batch carries. `host`: whose worker makes it. `counts`: it uses up the account's quota, as it was or may have been
    sent; a sign-in does not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="calls", verbose_name=_("vendor"))
    step = models.CharField(max_length=40)
    writes = models.BooleanField(_("writes"))
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    size = models.PositiveIntegerField(default=1)
    host = models.CharField(max_length=255, blank=True)
    counts = models.BooleanField(default=True)
    started_at = models.DateTimeField(_("started at"))
    lease_until = models.DateTimeField()
    finished_at = models.DateTimeField(_("finished at"), null=True)
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices, blank=True)
    code = models.CharField(_("code"), max_length=40, blank=True)
    transcript = models.JSONField(default=dict)
    sub_tasks = models.ManyToManyField(SubTask, through="erasure.CallSubTask", related_name="calls")

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-started_at",)
        indexes = [
            models.Index(fields=["vendor", "-started_at"]),
            models.Index(fields=["vendor", "-started_at"], condition=models.Q(counts=True), name="call_of_the_quota"),
            models.Index(fields=["lease_until"], condition=models.Q(verdict=""), name="call_under_way"),
            models.Index(fields=["-started_at", "-id"], name="call_newest"),
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


class CallCount(models.Model):
    """How many calls of an account have ended with this verdict since it was made: counting the calls themselves would
    take longer with every year. Written where a call ends."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["vendor", "verdict"], name="call_count_once")]

    def __str__(self) -> str:
        return f"{self.verdict} calls of {self.vendor}"

    @classmethod
    def add(cls, vendor: Vendor, verdict: str) -> None:
        """One more. In the transaction that ends the call, under the vendor's lock."""
        cls._default_manager.get_or_create(vendor=vendor, verdict=verdict)
        cls._default_manager.filter(vendor=vendor, verdict=verdict).update(count=models.F("count") + 1)


class CallSubTask(models.Model):
    """A sub-task's part in a call, with the epoch under which it was claimed, and our ids of the identifiers that a
    batch carried of it (none: it was no batch, and all)."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="claims")
    sub_task = models.ForeignKey(SubTask, on_delete=models.PROTECT, related_name="claims")
    epoch = models.PositiveIntegerField()
    identifiers = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sub_task", "epoch"], name="claim_epoch_once"),
        ]

    def __str__(self) -> str:
        return f"{self.call} for {self.sub_task}"
