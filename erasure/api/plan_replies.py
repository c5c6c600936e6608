"""What the API shows of a plan before it is approved."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from erasure import planning
from erasure.connectors.base import BadSettings, VendorError
from erasure.connectors.http import PreparedCall
from erasure.models import PlanRevision, SubTask

from .replies import PlanShown, WorkShown


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
        if sub_task.case.shredded_at:  # nobody can make it any more
            return None
        try:
            call = planning.first_call(sub_task)
        except (BadSettings, VendorError):  # `explanation` says what is wrong with the account
            return None
        return CallShown(call).data if call else None


class WholePlanShown(PlanShown):
    """`unused_identifiers`: what no vendor of the plan takes; it helps people to look the person up, no more.
    `keeps_fingerprints_days`: for how long fingerprints of whom it erases are kept (0: not at all)."""

    keeps_fingerprints_days = serializers.IntegerField(source="keeps_days")

    sub_tasks = serializers.SerializerMethodField()
    unused_identifiers = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.DictField(child=serializers.CharField())))
    def get_unused_identifiers(self, revision: PlanRevision) -> Any:
        return [{"id": str(item.pk), "kind": item.kind} for item in planning.unused(revision.case)]

    @extend_schema_field(PartShown(many=True))
    def get_sub_tasks(self, revision: PlanRevision) -> Any:
        parts = revision.sub_tasks.filter(follows=None).select_related("vendor__data_key", "case__data_key")
        return PartShown(parts.prefetch_related("identifiers__identifier__found_by"), many=True).data
