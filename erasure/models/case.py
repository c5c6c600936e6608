"""A case: one person's request, and what the law asks to be known of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import (
    OPEN,
    CancelReason,
    CaseStatus,
    Channel,
    Ground,
    IdentityMethod,
    IdentityResult,
    Kind,
    RefusalGround,
    Regime,
    ShredReason,
)

from .sealed import SealedModel

_UNANSWERED = models.Q(replied_at__isnull=True, cancelled_at__isnull=True)
_RESTRICTED = models.Q(restricted_at__isnull=False, lifted_at__isnull=True)
_CLOSED = models.Q(closed_at__isnull=False)
_OPEN = models.Q(closed_at__isnull=True)
_AT_RISK = models.Q(at_risk=True)
_READABLE = models.Q(shredded_at__isnull=True)
#: What may have a date on which its personal data is destroyed: a draft, or a case that has ended.
_MAY_END = models.Q(closed_at__isnull=False) | models.Q(status=CaseStatus.DRAFT)


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
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cases_handled",
        verbose_name=_("handler"),
    )
    vendors = models.ManyToManyField(
        "erasure.Vendor", blank=True, help_text=_("Left empty: every enabled vendor."), verbose_name=_("vendors")
    )
    duplicate_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)
    refusal_ground = models.CharField(max_length=30, choices=RefusalGround.choices, blank=True)
    held_at = models.DateTimeField(_("on hold since"), null=True)
    identity_method = models.CharField(
        _("identity checked by"), max_length=20, choices=IdentityMethod.choices, blank=True
    )
    identity_result = models.CharField(_("identity"), max_length=20, choices=IdentityResult.choices, blank=True)
    identity_checked_at = models.DateTimeField(_("identity checked"), null=True)
    identity_checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    refused_vendors = models.JSONField(default=dict, help_text=_("Vendor account → the ground."))
    acknowledged_at = models.DateTimeField(_("receipt confirmed"), null=True)
    extended_at = models.DateTimeField(_("time extended"), null=True)
    told_of_lifting_at = models.DateTimeField(_("told of the lifting"), null=True)
    restricted_at = models.DateTimeField(_("restricted since"), null=True)
    lifted_at = models.DateTimeField(_("restriction lifted"), null=True)
    replied_at = models.DateTimeField(_("answered"), null=True)
    reply_channel = models.CharField(max_length=20, choices=Channel.choices, blank=True)
    created_at = models.DateTimeField(_("opened"))
    updated_at = models.DateTimeField(_("changed"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    # When its personal data is destroyed by itself, and when it was (`erasure.retention`). Every change takes the date
    # away, and the sweep gives it another.
    shred_at = models.DateField(_("personal data is destroyed"), null=True, editable=False)
    shredded_at = models.DateTimeField(_("personal data destroyed"), null=True, editable=False)
    #: From when on it is not known what was done with it: the desk was put back from a backup of then.
    lost_since = models.DateTimeField(null=True, editable=False)
    #: The case whose work at one vendor is done anew here, since the vendor went back to a time before it.
    replays = models.ForeignKey("self", on_delete=models.PROTECT, null=True, editable=False, related_name="replayed_by")
    # As it was last foreseen (`erasure.forecast`), while the case was open and owed a reply.
    foreseen_at = models.DateTimeField(null=True, editable=False)
    at_risk = models.BooleanField(_("at risk"), default=False, editable=False)

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
            ("ask_shred_case", "Can ask for the destruction of personal data"),
            ("shred_case", "Can approve the destruction of personal data that others ask for"),
        ]
        indexes = [
            models.Index(fields=["status", "due_on", "id"], name="case_status_due"),
            models.Index(fields=["due_on", "id"], condition=_RESTRICTED, name="case_restricted"),
            models.Index(fields=["updated_at", "id"]),
            models.Index(fields=["-created_at", "-id"]),
            # What the overview counts of the last weeks.
            models.Index(fields=["closed_at"], condition=models.Q(closed_at__isnull=False), name="case_closed_at"),
            models.Index(
                fields=["replied_at", "received_on", "due_on"],
                condition=models.Q(replied_at__isnull=False),
                name="case_replied_at",
            ),
            # The orders and the queues of the list of cases. Each ends with the key, by which its pages are walked.
            models.Index(fields=["due_on", "id"], name="case_due"),
            models.Index(fields=["received_at", "id"], name="case_received"),
            models.Index(fields=["due_on", "id"], condition=_UNANSWERED, name="case_unanswered"),
            models.Index(fields=["due_on", "id"], condition=_UNANSWERED & _CLOSED, name="case_forgotten"),
            models.Index(fields=["due_on", "id"], condition=_UNANSWERED & _OPEN & _AT_RISK, name="case_at_risk"),
            models.Index(
                fields=["foreseen_at", "updated_at", "id"], condition=_UNANSWERED & _OPEN, name="case_foreseen"
            ),
            models.Index(fields=["due_on", "id"], condition=models.Q(held_at__isnull=False), name="case_held"),
            models.Index(
                fields=["handler", "due_on", "id"], condition=models.Q(closed_at__isnull=True), name="case_in_hand"
            ),
            # What the sweep destroys, and what it gives a date.
            models.Index(
                fields=["shred_at", "id"],
                condition=_READABLE & models.Q(shred_at__isnull=False),
                name="case_shred_at",
            ),
            models.Index(
                fields=["created_at", "id"],
                condition=_READABLE & models.Q(shred_at__isnull=True, held_at__isnull=True) & _MAY_END,
                name="case_undated",
            ),
            # For what is rare or not there at all, which would else be looked for in every case.
            models.Index(fields=["regime", "-created_at", "-id"], name="case_regime"),
            models.Index(fields=["kind", "-created_at", "-id"], name="case_kind"),
            models.Index(fields=["external_id_fingerprint"], name="case_external_id"),
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

    @property
    def is_unanswered(self) -> bool:
        """Whether a reply is still owed: the law's time ends with the reply, not with the last vendor. A cancelled case
        owes none."""
        return not (self.replied_at or self.cancelled_at)

    @classmethod
    def unanswered(cls) -> models.Q:
        """`is_unanswered`, for a query."""
        return models.Q(replied_at=None, cancelled_at=None)

    @classmethod
    def restricted(cls) -> models.Q:
        """The restrictions in force: the register of GDPR art. 18."""
        return _RESTRICTED

    @classmethod
    def undated(cls) -> models.Q:
        """The cases that may need a date on which their personal data is destroyed, and have none."""
        return _READABLE & models.Q(shred_at__isnull=True, held_at__isnull=True) & _MAY_END

    @classmethod
    def locked(cls, *, skip_locked: bool = False) -> models.QuerySet["Case"]:
        """Cases to be locked until the transaction ends. NO KEY: rows that point to a case may still be inserted."""
        rows = cls._default_manager.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
        return rows.select_related("data_key", "opened_by")


class Shredding(models.Model):
    """The destruction of a case's personal data: asked for (`at` is empty) or done. By hand it takes two people, whom
    the first constraint keeps apart whatever the code does; by schedule it has none."""

    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="shredding")
    reason = models.CharField(max_length=20, choices=ShredReason.choices)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True) | ~models.Q(approved_by=models.F("asked_by")),
                name="shredding_four_eyes",
            ),
            models.CheckConstraint(
                condition=models.Q(asked_by__isnull=True, asked_at__isnull=True, at__isnull=False)
                | models.Q(asked_by__isnull=False, asked_at__isnull=False),
                name="shredding_asked_or_done",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True) | models.Q(asked_by__isnull=False, at__isnull=False),
                name="shredding_approved_was_asked",
            ),
        ]

    def __str__(self) -> str:
        return f"shredding of {self.case}"


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
