"""A case: one person's request, and what the law asks to be known of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import OPEN, CancelReason, CaseStatus, Channel, Ground, Kind, RefusalGround, Regime

from .sealed import SealedModel


class ReferenceCounter(models.Model):
    """The last reference given out in a year: locked while a case is inserted, so that references have no gaps."""

    year = models.PositiveIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class Case(SealedModel):
    reference = models.CharField(_("reference"), max_length=20, unique=True)
    kind = models.CharField(_("request type"), max_length=20, choices=Kind.choices)
    regime = models.CharField(_("law"), max_length=20, choices=Regime.choices)
    country = models.CharField(_("country"), max_length=2, blank=True, help_text=_("Two letters, such as DE."))
    subdivision = models.CharField(_("state or region"), max_length=10, blank=True)
    ground = models.CharField(_("reason"), max_length=30, choices=Ground.choices)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel.choices)
    received_at = models.DateTimeField(_("received"))
    received_on = models.DateField(_("day of receipt"))
    due_on = models.DateField(_("due"))
    status = models.CharField(_("status"), max_length=20, choices=CaseStatus.choices, default=CaseStatus.DRAFT)

    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, editable=False)
    requester_sealed = models.BinaryField(null=True, editable=False)
    external_id_sealed = models.BinaryField(null=True, editable=False)
    external_id_fingerprint = models.CharField(max_length=64, blank=True, editable=False)

    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cases_opened")
    handler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="cases_handled"
    )
    vendors = models.ManyToManyField(
        "erasure.Vendor", blank=True, help_text=_("Left empty: every enabled vendor."), verbose_name=_("vendors")
    )
    duplicate_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)
    refusal_ground = models.CharField(max_length=30, choices=RefusalGround.choices, blank=True)
    held_at = models.DateTimeField(_("on hold since"), null=True)
    created_at = models.DateTimeField(_("opened"))
    updated_at = models.DateTimeField(_("changed"))
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering = ("-created_at", "-id")
        permissions = [
            ("open_case", "Can open cases"),
            ("submit_case", "Can submit cases for approval"),
            ("approve_case", "Can approve plans of others"),
            ("reject_case", "Can reject cases"),
            ("cancel_case", "Can cancel cases"),
            ("hold_case", "Can put cases on hold and release them"),
        ]
        indexes = [
            models.Index(fields=["status", "due_on"]),
            models.Index(fields=["updated_at", "id"]),
            models.Index(fields=["-created_at", "-id"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["opened_by", "external_id_fingerprint"],
                condition=~models.Q(external_id_fingerprint=""),
                name="case_external_id_once_an_account",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, status__in=sorted(OPEN))
                | (models.Q(closed_at__isnull=False) & ~models.Q(status__in=sorted(OPEN))),
                name="case_closed_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def _key(self) -> DataKey:
        return self.data_key

    @classmethod
    def locked(cls, *, skip_locked: bool = False) -> models.QuerySet["Case"]:
        """Cases to be locked until the transaction ends. NO KEY: rows that point to a case may still be inserted."""
        rows = cls._default_manager.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
        return rows.select_related("data_key", "opened_by")


class Note(SealedModel):
    """What somebody wrote on a case. The trail holds a keyed hash of it, never the text."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)
    about = models.CharField(max_length=60, blank=True)
    text_sealed = models.BinaryField(null=True, editable=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("note")
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"note:{self.pk}"

    def _key(self) -> DataKey:
        return self.case.data_key
