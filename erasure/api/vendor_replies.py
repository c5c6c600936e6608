"""What the API shows of vendor accounts, and of the suppression list."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from compliance import clock
from erasure.connectors.base import BadSettings
from erasure.models import Vendor
from erasure.states import (
    Operation,
    Pause,
)

from .fields import utc_time


class CheckedShown(serializers.Serializer):
    """`problem`: why the identifier cannot be looked up, or empty."""

    listed = serializers.BooleanField()
    since = utc_time(allow_null=True)
    problem = serializers.CharField()


class CheckShown(serializers.Serializer):
    """One answer for each identifier, in the order of the question. No identifier and no case is named."""

    results = CheckedShown(many=True)


class HealthShown(serializers.Serializer):
    """`status` is ok, paused, disabled or misconfigured; `code` and `text` say why, `since` and `trial_at` when it was
    paused and when one call is tried again. `waits_until`: nothing is sent before, as the vendor asked for it or as its
    quota of calls is used up."""

    status = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    since = utc_time(allow_null=True)
    trial_at = utc_time(allow_null=True)
    waits_until = utc_time(allow_null=True)


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
        said["waits_until"] = vendor.left_alone_until(clock.now())
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
