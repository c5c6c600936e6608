"""One vendor's part of one case."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from compliance.vault.models import DataKey
from erasure.connectors.base import BadSettings
from erasure.states import CLAIMABLE, Assurance, Held, Operation, Outcome, SubTaskStatus

from .case import Case
from .identifier import Identifier
from .plan import PlanRevision
from .sealed import SealedModel
from .vendor import Vendor

_CLAIMABLE = models.Q(status__in=sorted(CLAIMABLE))
_RUNNING = models.Q(status=SubTaskStatus.RUNNING)
_DONE = models.Q(status=SubTaskStatus.DONE)
_ASKS = models.Q(status=SubTaskStatus.NEEDS_ATTENTION)
_WAITS_FOR_PEOPLE = models.Q(
    status__in=(
        SubTaskStatus.AWAITING_ATTESTATION,
        SubTaskStatus.AWAITING_IDENTIFIER,
        SubTaskStatus.NEEDS_ATTENTION,
    )
)
_ATTESTED_BY = models.Q(status=SubTaskStatus.AWAITING_ATTESTATION, next_at__isnull=False)


class SubTask(SealedModel):
    """`epoch` is raised by every claim: a result counts only if it carries the epoch of its claim (fencing).
    `attempts` counts tries of the current step, before each call; `polls` how often the current step has waited;
    `unknowns` how many calls of the whole sub-task ended without an answer. `batch_limit`: after a batch that was
    refused or killed its worker, how many identifiers the next one may hold (None: as many as the step takes).
    `next_at`: when the vendor is asked next; or, awaiting attestation, from when on that needs attention.
    `follows`: the ended work that this one asks about once more; it holds up no case, and may outlive it."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="sub_tasks")
    revision = models.ForeignKey(PlanRevision, on_delete=models.PROTECT, related_name="sub_tasks")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="sub_tasks", verbose_name=_("vendor"))
    follows = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="asked_again_by")
    operation = models.CharField(_("operation"), max_length=20, choices=Operation.choices)
    by_hand = models.BooleanField(default=False)
    reason = models.CharField(max_length=40, blank=True)
    digest = models.CharField(max_length=64, editable=False)
    status = models.CharField(_("status"), max_length=25, choices=SubTaskStatus.choices, default=SubTaskStatus.PLANNED)

    step = models.CharField(max_length=40, blank=True)
    step_since = models.DateTimeField(null=True)
    memory_sealed = models.BinaryField(null=True, editable=False)
    references = models.JSONField(default=dict)
    counters = models.JSONField(_("counters"), default=dict)
    next_at = models.DateTimeField(_("next at"), null=True)
    expected_at = models.DateTimeField(_("expected at"), null=True)
    epoch = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    polls = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    unknowns = models.PositiveIntegerField(default=0)
    batch_limit = models.PositiveIntegerField(null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, help_text=_("When something was first sent."))
    committed_at = models.DateTimeField(
        _("committed at"), null=True, help_text=_("When the vendor was first asked to change data.")
    )

    assurance = models.CharField(max_length=20, choices=Assurance.choices, default=Assurance.NONE)
    attention_code = models.CharField(max_length=40, blank=True)
    attention_text = models.CharField(max_length=600, blank=True)
    resume_step = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("vendor work")
        verbose_name_plural = pgettext_lazy("several", "vendor work")
        ordering = ("revision__number", "vendor__name", "created_at")
        permissions = [
            ("attest_subtask", "Can confirm vendor work by hand"),
            ("retry_subtask", "Can try vendor work again"),
        ]
        indexes = [
            models.Index(fields=["vendor", "next_at"], condition=_CLAIMABLE, name="subtask_lane"),
            models.Index(fields=["lease_until"], condition=_RUNNING, name="subtask_lease"),
            models.Index(fields=["next_at"], condition=_ATTESTED_BY, name="subtask_attested_by"),
            models.Index(fields=["case", "status"]),
            models.Index(fields=["status", "case"], condition=_WAITS_FOR_PEOPLE, name="subtask_for_people"),
            models.Index(fields=["-created_at", "-id"], name="subtask_newest"),
            models.Index(fields=["vendor", "attention_code"], condition=_ASKS, name="subtask_asks"),
            # What was last done there, and how long it took.
            models.Index(fields=["vendor", "operation", "-ended_at"], condition=_DONE, name="subtask_done"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "vendor", "by_hand"],
                condition=models.Q(follows=None),
                name="subtask_once_a_plan_and_vendor",
            ),
            models.CheckConstraint(
                condition=~_CLAIMABLE | models.Q(next_at__isnull=False),
                name="subtask_waits_for_a_time",
            ),
            models.CheckConstraint(
                condition=~_RUNNING | models.Q(lease_until__isnull=False),
                name="subtask_runs_under_a_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=SubTaskStatus.NEEDS_ATTENTION) | ~models.Q(attention_code=""),
                name="subtask_attention_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"sub_task:{self.pk}"

    def _key(self) -> DataKey:
        return self.case.data_key

    @property
    def step_label(self) -> str:
        """What staff see of the current step."""
        try:
            spec = self.vendor.speaks().step(self.step)
        except BadSettings:
            spec = None
        return str(spec.label) if spec else self.step

    @property
    def acts_unasked(self) -> bool:
        """Whether the vendor is at work by itself now, so that a person may confirm at any time that it is done."""
        if self.status not in CLAIMABLE:
            return False
        try:
            step = self.vendor.speaks().step(self.step)
        except BadSettings:
            return False
        return step is not None and step.by_hand

    def weakest(self) -> Assurance:
        """How well the whole is proven: no better than what is proven least of its identifiers."""
        levels = set(self.identifiers.values_list("assurance", flat=True))
        return next((level for level in Assurance if level in levels), Assurance(self.assurance))

    def held(self) -> Held:
        """Whether the vendor held anything, over all identifiers: yes if any, no if none, else unknown."""
        answers = {item.held for item in self.identifiers.all()}
        if Held.YES in answers:
            return Held.YES
        return Held.NO if answers == {Held.NO} else Held.UNKNOWN


class SubTaskIdentifier(models.Model):
    """One identifier in one vendor's part: under which name it is sent, what came of it, how well that is proven, and
    the vendor's own number under which it was taken."""

    sub_task = models.ForeignKey(SubTask, on_delete=models.CASCADE, related_name="identifiers")
    identifier = models.ForeignKey(Identifier, on_delete=models.PROTECT, related_name="uses")
    vendor_name = models.CharField(max_length=100)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.PENDING)
    held = models.CharField(max_length=10, choices=Held.choices, default=Held.UNKNOWN)
    assurance = models.CharField(max_length=20, choices=Assurance.choices, default=Assurance.NONE)
    reference = models.CharField(max_length=100, blank=True, db_index=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["sub_task", "identifier"], name="subtask_identifier_once"),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} in {self.sub_task}"


class VendorNumber(models.Model):
    """A number that a vendor gave to the work of a sub-task, as a keyed digest, so that it is noticed if it comes again
    for another's."""

    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="numbers")
    digest = models.CharField(max_length=64)
    sub_task = models.ForeignKey(SubTask, on_delete=models.CASCADE, related_name="numbers")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vendor", "digest", "sub_task"], name="vendor_number_once"),
        ]

    def __str__(self) -> str:
        return f"number of {self.sub_task}"
