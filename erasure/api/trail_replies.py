"""What the API shows of the trail."""

from rest_framework import serializers


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


class InclusionShown(serializers.Serializer):
    """That an event has its place in the log (RFC 9162, section 2.1.3): from these hashes and that of its leaf follows
    the root of the checkpoint of this size."""

    index = serializers.IntegerField()
    size = serializers.IntegerField()
    hashes = serializers.ListField(child=serializers.CharField(), help_text="In hex, from the leaf upwards.")


class ConsistencyShown(serializers.Serializer):
    """That the log of one size begins with that of another (RFC 9162, section 2.1.4): from these hashes follow both
    roots. None where there is nothing to show: the sizes are the same, or `first` is 0."""

    first = serializers.IntegerField()
    second = serializers.IntegerField()
    hashes = serializers.ListField(child=serializers.CharField(), help_text="In hex, in the order of the RFC.")
