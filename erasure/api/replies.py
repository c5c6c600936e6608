"""What the API shows. Never an identifier's value, the requester, the external id or a note: ids, words and times."""

from datetime import UTC
from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from erasure import planning, waiting
from erasure.connectors.base import BadSettings, VendorError
from erasure.connectors.http import PreparedCall
from erasure.models import Case, Identifier, PlanRevision, SubTask, SubTaskIdentifier, Vendor
from erasure.states import (
    Assurance,
    CancelReason,
    CaseStatus,
    Channel,
    Ground,
    Held,
    IdentifierState,
    Kind,
    Operation,
    Origin,
    Outcome,
    Pause,
    RefusalGround,
    Regime,
    RevisionStatus,
    SubTaskStatus,
)

from .fields import Word


def cases() -> QuerySet[Case]:
    """Cases with all that a reply shows, in a number of queries that does not grow with them. Sealed values stay in the
    database."""
    sub_tasks = SubTask.objects.select_related("vendor", "revision").defer(
        "memory_sealed", "vendor__credentials_sealed"
    )
    uses = SubTaskIdentifier.objects.select_related("identifier").defer("identifier__value_sealed")
    identifiers = Identifier.objects.select_related("found_by").defer("value_sealed", "found_by__credentials_sealed")
    return (
        Case.objects.select_related("duplicate_of")
        .defer("requester_sealed", "external_id_sealed")
        .prefetch_related(
            "revisions",
            "evidence",
            Prefetch("identifiers", identifiers),
            Prefetch("sub_tasks", sub_tasks.prefetch_related(Prefetch("identifiers", uses))),
        )
    )


def _time(**options: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(default_timezone=UTC, **options)


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
    status = Word(SubTaskStatus, required=True)
    step = serializers.CharField()
    next_at = _time(allow_null=True)
    expected_at = _time(allow_null=True)
    assurance = Word(Assurance, required=True)
    held = Word(Held, required=True)
    revision = serializers.IntegerField(source="revision.number")
    identifiers = UseShown(many=True)
    vendor_references = serializers.DictField(source="references", child=serializers.CharField())
    counters = serializers.DictField(child=serializers.IntegerField())
    attention = serializers.SerializerMethodField()
    sent_at = _time(allow_null=True)
    ended_at = _time(allow_null=True)

    def get_waits_for(self, sub_task: SubTask) -> str:
        """One sentence: what has to happen next, and who does it."""
        return waiting.waits_for(sub_task)

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
    created_at = _time()
    keep_until = _time(allow_null=True)
    removed_at = _time(allow_null=True)


class CaseShown(serializers.Serializer):
    reference = serializers.CharField()
    status = Word(CaseStatus, required=True)
    kind = Word(Kind, required=True)
    regime = Word(Regime, required=True)
    ground = Word(Ground, required=True)
    channel = Word(Channel, required=True)
    country = serializers.SerializerMethodField()
    subdivision = serializers.SerializerMethodField()
    received_at = _time()
    received_on = serializers.DateField()
    due_on = serializers.DateField()
    plan = serializers.SerializerMethodField()
    plan_digest = serializers.SerializerMethodField()
    needs_attention = serializers.SerializerMethodField()
    on_hold = serializers.SerializerMethodField()
    cancelled = serializers.SerializerMethodField()
    cancel_reason = Word(CancelReason, required=True)
    refusal_ground = Word(RefusalGround, required=True)
    duplicate_of = serializers.CharField(source="duplicate_of.reference", allow_null=True)
    identifiers = IdentifierShown(many=True)
    proposals = serializers.SerializerMethodField()
    sub_tasks = SubTaskShown(many=True)
    evidence = EvidenceShown(many=True)
    reply = serializers.SerializerMethodField()
    created_at = _time()
    updated_at = _time()
    closed_at = _time(allow_null=True)

    def get_country(self, case: Case) -> str | None:
        return case.country or None

    def get_subdivision(self, case: Case) -> str | None:
        return case.subdivision or None

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

    def get_on_hold(self, case: Case) -> bool:
        return case.held_at is not None

    def get_cancelled(self, case: Case) -> bool:
        return case.cancelled_at is not None

    @extend_schema_field(IdentifierShown(many=True))
    def get_proposals(self, case: Case) -> Any:
        open_ = [item for item in case.identifiers.all() if item.state == IdentifierState.PROPOSED]
        return IdentifierShown(open_, many=True).data

    @extend_schema_field({"type": "object", "nullable": True})
    def get_reply(self, case: Case) -> None:
        return None


class OpenedShown(CaseShown):
    """A case just opened, with the references of others that name the same person."""

    possible_duplicates = serializers.ListField(child=serializers.CharField())


class CasesShown(serializers.Serializer):
    results = CaseShown(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


# --- the plan ---------------------------------------------------------------------------------------------------------


class CallShown(serializers.Serializer):
    """The first call that an approval sets going: its method, and its address without the query."""

    method = serializers.CharField()
    address = serializers.SerializerMethodField()

    def get_address(self, call: PreparedCall) -> str:
        return call.url.partition("?")[0]


class PlannedCallShown(serializers.Serializer):
    """One kind of call of a vendor's whole part; `writes` if it changes something there."""

    step = serializers.CharField()
    method = serializers.CharField()
    address = serializers.CharField()
    writes = serializers.BooleanField()


class PartShown(WorkShown):
    """One vendor's part of a plan version. `explanation` tells people what will be done."""

    identifiers = serializers.SerializerMethodField()
    explanation = serializers.SerializerMethodField()
    first_call = serializers.SerializerMethodField()
    calls = serializers.SerializerMethodField()

    @extend_schema_field(PlannedCallShown(many=True))
    def get_calls(self, sub_task: SubTask) -> Any:
        return PlannedCallShown(planning.calls(sub_task), many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.DictField(child=serializers.CharField())))
    def get_identifiers(self, sub_task: SubTask) -> Any:
        return [{"id": str(use.identifier_id), "kind": use.identifier.kind} for use in sub_task.identifiers.all()]

    def get_explanation(self, sub_task: SubTask) -> list[str]:
        return planning.explain(sub_task)

    @extend_schema_field(CallShown(allow_null=True))
    def get_first_call(self, sub_task: SubTask) -> Any:
        try:
            call = planning.first_call(sub_task)
        except (BadSettings, VendorError):  # `explanation` says what is wrong with the account
            return None
        return CallShown(call).data if call else None


class WholePlanShown(PlanShown):
    """`unused_identifiers`: what no vendor of the plan takes; it helps people to look the person up, no more."""

    sub_tasks = serializers.SerializerMethodField()
    unused_identifiers = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.DictField(child=serializers.CharField())))
    def get_unused_identifiers(self, revision: PlanRevision) -> Any:
        return [{"id": str(item.pk), "kind": item.kind} for item in planning.unused(revision.case)]

    @extend_schema_field(PartShown(many=True))
    def get_sub_tasks(self, revision: PlanRevision) -> Any:
        parts = revision.sub_tasks.select_related("vendor__data_key", "case__data_key")
        return PartShown(parts.prefetch_related("identifiers__identifier"), many=True).data


# --- vendors ----------------------------------------------------------------------------------------------------------


class HealthShown(serializers.Serializer):
    """`status` is ok, paused, disabled or misconfigured; `code` and `text` say why, `since` and `trial_at` when it was
    paused and when one call is tried again."""

    status = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    since = _time(allow_null=True)
    trial_at = _time(allow_null=True)


class VendorShown(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    connector = serializers.CharField()
    enabled = serializers.BooleanField()
    operations = serializers.SerializerMethodField()
    identifier_kinds = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()

    def get_operations(self, vendor: Vendor) -> list[str]:
        """What the desk can have done there: by the vendor's API, or by a person."""
        connector = _speaks(vendor)
        if connector is None:
            return []
        return list(Operation.values) if connector.by_hand else [str(name) for name in connector.starts]

    def get_identifier_kinds(self, vendor: Vendor) -> list[str]:
        connector = _speaks(vendor)
        return sorted(connector.accepts) if connector else []

    @extend_schema_field(HealthShown)
    def get_health(self, vendor: Vendor) -> Any:
        status, code, text = "ok", None, ""
        if vendor.pause:
            # What somebody wrote about a pause by hand is for staff.
            text = str(Pause(vendor.pause).label) if vendor.pause == Pause.BY_HAND else vendor.pause_note
            status, code = "paused", vendor.pause
        elif not vendor.enabled:
            status = "disabled"
        elif _speaks(vendor) is None:
            status = "misconfigured"
        said = {"status": status, "code": code, "text": text, "since": vendor.paused_at, "trial_at": vendor.trial_at}
        return HealthShown(said).data


def _speaks(vendor: Vendor) -> Any:
    try:
        return vendor.speaks()
    except BadSettings:
        return None


class VendorsShown(serializers.Serializer):
    results = VendorShown(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


# --- the trail --------------------------------------------------------------------------------------------------------


class EventShown(serializers.Serializer):
    """A row of the audit export. `index` is null until the event is sealed."""

    index = serializers.IntegerField(allow_null=True)
    event_id = serializers.CharField()
    at = serializers.CharField()
    actor = serializers.CharField()
    action = serializers.CharField()
    case = serializers.CharField()
    subject = serializers.CharField()
    summary = serializers.CharField()
    canonical = serializers.CharField()
    leaf_hash = serializers.CharField()


class EventsShown(serializers.Serializer):
    results = EventShown(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
