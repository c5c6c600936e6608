"""What the API shows. Never an identifier's value, the requester, the external id or a note: ids, words and times."""

from datetime import date
from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from compliance import clock
from erasure import forecast, planning, recipients, retention, waiting
from erasure.models import Case, Evidence, Identifier, PlanRevision, Recipient, SubTask, SubTaskIdentifier
from erasure.states import (
    Assurance,
    CancelReason,
    CaseStatus,
    Channel,
    Ground,
    Held,
    IdentifierState,
    IdentityMethod,
    IdentityResult,
    InquiryReason,
    Kind,
    Operation,
    Origin,
    Outcome,
    RefusalGround,
    Regime,
    RevisionStatus,
    ShredReason,
    SubTaskStatus,
)

from .fields import Word, utc_time
from .foreseen import ForecastShown
from .letter_replies import LetterShown


def cases() -> QuerySet[Case]:
    """Cases with all that a reply shows, in a number of queries that does not grow with them. Sealed values stay in the
    database."""
    sub_tasks = SubTask.objects.select_related("vendor", "revision").defer(
        "memory_sealed", "vendor__credentials_sealed"
    )
    uses = SubTaskIdentifier.objects.select_related("identifier").defer("identifier__value_sealed")
    identifiers = Identifier.objects.select_related("found_by").defer("value_sealed", "found_by__credentials_sealed")
    return (
        Case.objects.select_related("duplicate_of", "shredding", "data_key")
        .defer("requester_sealed", "external_id_sealed")
        .prefetch_related(
            "revisions",
            "inquiries",
            Prefetch("recipients", Recipient.objects.defer("name_sealed")),
            Prefetch("evidence", Evidence.objects.select_related("letter").defer("letter__mail_sealed")),
            Prefetch("identifiers", identifiers),
            Prefetch("sub_tasks", sub_tasks.prefetch_related(Prefetch("identifiers", uses))),
        )
    )


class IdentifierShown(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    origin = Word(Origin, required=True)
    state = Word(IdentifierState, required=True)
    found_by = serializers.CharField(source="found_by.slug", allow_null=True)


class UseShown(serializers.Serializer):
    """An identifier in one vendor's part, and what came of it."""

    id = serializers.UUIDField(source="identifier_id")
    kind = serializers.CharField(source="identifier.kind")
    outcome = Word(Outcome, required=True)
    held = Word(Held, required=True)
    assurance = Word(Assurance, required=True)
    reference = serializers.CharField(help_text="The vendor's own number under which it was taken, or empty.")


class AttentionShown(serializers.Serializer):
    code = serializers.CharField(source="attention_code")
    text = serializers.CharField(source="attention_text")


class WorkShown(serializers.Serializer):
    """What is told of one vendor's part wherever it is shown. `reason` says why it is not simply sent, if it is not."""

    id = serializers.UUIDField()
    vendor = serializers.CharField(source="vendor.slug")
    connector = serializers.CharField(source="vendor.connector")
    operation = Word(Operation, required=True)
    by_hand = serializers.BooleanField()
    reason = serializers.CharField()
    reason_text = serializers.SerializerMethodField()

    def get_reason_text(self, sub_task: SubTask) -> str:
        return planning.reason_text(sub_task.reason)


class SubTaskShown(WorkShown):
    waits_for = serializers.SerializerMethodField()
    expected_end = serializers.SerializerMethodField()
    status = Word(SubTaskStatus, required=True)
    step = serializers.CharField()
    next_at = utc_time(allow_null=True)
    expected_at = utc_time(allow_null=True)
    assurance = Word(Assurance, required=True)
    held = Word(Held, required=True)
    follows = serializers.UUIDField(
        source="follows_id", allow_null=True, help_text="The sub-task of this case that it only asks about once more."
    )
    revision = serializers.IntegerField(source="revision.number")
    identifiers = UseShown(many=True)
    vendor_references = serializers.DictField(source="references", child=serializers.CharField())
    counters = serializers.DictField(child=serializers.IntegerField())
    attention = serializers.SerializerMethodField()
    sent_at = utc_time(allow_null=True)
    ended_at = utc_time(allow_null=True)

    def get_waits_for(self, sub_task: SubTask) -> str:
        """One sentence: what has to happen next, and who does it."""
        return waiting.waits_for(sub_task)

    def get_expected_end(self, sub_task: SubTask) -> date | None:
        """The day on which it will probably end, by how long such work took lately or is said to take; null once it has
        ended, and where that is not known."""
        return forecast.expected_end(sub_task, clock.today())

    @extend_schema_field(AttentionShown(allow_null=True))
    def get_attention(self, sub_task: SubTask) -> Any:
        return AttentionShown(sub_task).data if sub_task.attention_code else None


class PlanShown(serializers.Serializer):
    """The latest plan version."""

    revision = serializers.IntegerField(source="number")
    digest = serializers.CharField()
    approved = serializers.SerializerMethodField()

    def get_approved(self, revision: PlanRevision) -> bool:
        return revision.status == RevisionStatus.APPROVED


class EvidenceShown(serializers.Serializer):
    id = serializers.UUIDField()
    sub_task = serializers.UUIDField(source="sub_task_id", allow_null=True)
    kind = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    created_at = utc_time()
    keep_until = utc_time(allow_null=True)
    removed_at = utc_time(allow_null=True)


class CertificateShown(serializers.Serializer):
    """A certificate: its SHA-256 is in the event `certificate.issued`, and the PDF under the same address."""

    evidence = serializers.UUIDField(source="id")
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    created_at = utc_time()


class ReplyShown(serializers.Serializer):
    """When the person was answered, and how."""

    at = utc_time(source="replied_at")
    channel = Word(Channel, required=True, source="reply_channel")


class InquiryShown(serializers.Serializer):
    """What the person was asked."""

    reason = Word(InquiryReason, required=True)
    asked_on = serializers.DateField()
    answered_on = serializers.DateField(allow_null=True)


class IdentityShown(serializers.Serializer):
    """The newest check of who the person is."""

    method = Word(IdentityMethod, required=True, source="identity_method")
    result = Word(IdentityResult, required=True, source="identity_result")
    at = utc_time(source="identity_checked_at")


class RecipientShown(serializers.Serializer):
    """A line of the ledger of recipients (GDPR art. 19). `recipient` names it: a vendor's slug, or the id of a further
    recipient, whose name is never shown here. `channel`: how it was told, by_hand if a person did the vendor's part.
    `reason`: why it was not told, as a word, and `why_not` as a sentence."""

    recipient = serializers.CharField(source="key")
    vendor = serializers.CharField(source="vendor.slug", allow_null=True, default=None)
    standing = serializers.ChoiceField([item.value for item in recipients.Standing])
    told_on = serializers.DateField(allow_null=True)
    channel = serializers.CharField()
    confirmed_on = serializers.DateField(allow_null=True)
    reason = serializers.CharField()
    why_not = serializers.CharField()


class ShreddingShown(serializers.Serializer):
    """The destruction of the personal data: asked for, or done (`at`)."""

    reason = Word(ShredReason, required=True)
    asked_at = utc_time(allow_null=True)
    at = utc_time(allow_null=True)


class CaseShown(serializers.Serializer):
    reference = serializers.CharField()
    status = Word(CaseStatus, required=True)
    kind = Word(Kind, required=True)
    regime = Word(Regime, required=True)
    ground = Word(Ground, required=True)
    channel = Word(Channel, required=True)
    country = serializers.SerializerMethodField()
    subdivision = serializers.SerializerMethodField()
    received_at = utc_time()
    received_on = serializers.DateField()
    due_on = serializers.DateField()
    acknowledged_at = utc_time(allow_null=True)
    extended_at = utc_time(allow_null=True)
    inquiries = InquiryShown(many=True)
    identity = serializers.SerializerMethodField()
    told_of_lifting_at = utc_time(allow_null=True)
    restricted_at = utc_time(allow_null=True, help_text="When the restriction entered the register.")
    lifted_at = utc_time(allow_null=True)
    forecast = serializers.SerializerMethodField()
    plan = serializers.SerializerMethodField()
    plan_digest = serializers.SerializerMethodField()
    needs_attention = serializers.SerializerMethodField()
    waits_for = serializers.SerializerMethodField()
    on_hold = serializers.SerializerMethodField()
    cancelled = serializers.SerializerMethodField()
    cancel_reason = Word(CancelReason, required=True)
    refusal_ground = Word(RefusalGround, required=True)
    duplicate_of = serializers.CharField(source="duplicate_of.reference", allow_null=True)
    identifiers = IdentifierShown(many=True)
    proposals = serializers.SerializerMethodField()
    sub_tasks = SubTaskShown(many=True)
    evidence = EvidenceShown(many=True)
    recipients = serializers.SerializerMethodField()
    letters = serializers.SerializerMethodField()
    reply = serializers.SerializerMethodField()
    created_at = utc_time()
    updated_at = utc_time()
    closed_at = utc_time(allow_null=True)
    shred_at = serializers.SerializerMethodField()
    shredded_at = utc_time(allow_null=True, help_text="When the personal data was destroyed. The record stays.")
    shredding = serializers.SerializerMethodField()
    readable_in_backups = serializers.SerializerMethodField()

    def get_shred_at(self, case: Case) -> date | None:
        """The day on which the personal data is destroyed by itself; null where there is none, or not yet."""
        return retention.date_of(case)

    @extend_schema_field(ShreddingShown(allow_null=True))
    def get_shredding(self, case: Case) -> Any:
        return ShreddingShown(case.shredding).data if hasattr(case, "shredding") else None

    def get_readable_in_backups(self, case: Case) -> str:
        """Of destroyed personal data, one sentence: until when backups that were made before can be read."""
        return retention.backups(case) if case.shredded_at else ""

    def get_country(self, case: Case) -> str | None:
        return case.country or None

    def get_subdivision(self, case: Case) -> str | None:
        return case.subdivision or None

    @extend_schema_field(IdentityShown(allow_null=True))
    def get_identity(self, case: Case) -> Any:
        return IdentityShown(case).data if case.identity_result else None

    @extend_schema_field(ForecastShown)
    def get_forecast(self, case: Case) -> Any:
        return ForecastShown(forecast.of(case)).data

    @extend_schema_field(PlanShown(allow_null=True))
    def get_plan(self, case: Case) -> Any:
        versions = list(case.revisions.all())
        return PlanShown(versions[-1]).data if versions else None

    def get_plan_digest(self, case: Case) -> str | None:
        if case.status not in (CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS):
            return None
        return next((item.digest for item in case.revisions.all() if item.status == RevisionStatus.OPEN), None)

    def get_needs_attention(self, case: Case) -> bool:
        return any(item.status == SubTaskStatus.NEEDS_ATTENTION for item in case.sub_tasks.all())

    def get_waits_for(self, case: Case) -> str:
        """What the whole case waits for of people, in sentences: a decision, a release from hold, an identifier, a
        confirmation by hand; empty while vendors alone are at work, and at the end."""
        return waiting.decisions(case)

    def get_on_hold(self, case: Case) -> bool:
        return case.held_at is not None

    def get_cancelled(self, case: Case) -> bool:
        return case.cancelled_at is not None

    @extend_schema_field(IdentifierShown(many=True))
    def get_proposals(self, case: Case) -> Any:
        open_ = [item for item in case.identifiers.all() if item.state == IdentifierState.PROPOSED]
        return IdentifierShown(open_, many=True).data

    @extend_schema_field(RecipientShown(many=True))
    def get_recipients(self, case: Case) -> Any:
        return RecipientShown(recipients.lines(case), many=True).data

    @extend_schema_field(LetterShown(many=True))
    def get_letters(self, case: Case) -> Any:
        return LetterShown([item.letter for item in case.evidence.all() if hasattr(item, "letter")], many=True).data

    @extend_schema_field(ReplyShown(allow_null=True))
    def get_reply(self, case: Case) -> Any:
        return ReplyShown(case).data if case.replied_at else None


class OpenedShown(CaseShown):
    """A case just opened, with the references of others that name the same person."""

    possible_duplicates = serializers.ListField(child=serializers.CharField())


class AttestedShown(CaseShown):
    """A case in which something was confirmed, with the references of others that the confirmation was about too, and
    the number of cases that it left alone because they are on hold."""

    also_confirmed = serializers.ListField(child=serializers.CharField())
    left_out_on_hold = serializers.IntegerField()


class CasesShown(serializers.Serializer):
    results = CaseShown(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
