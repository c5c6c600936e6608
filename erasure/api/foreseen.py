"""What the API shows of how long the vendors' work will take."""

from rest_framework import serializers


class ForecastShown(serializers.Serializer):
    """Of the vendors' work, not of the law's time, which ends with the reply: when the work will probably end; until
    when the open plan version has to be approved so that it ends by the due date; whether a reply is owed and the work
    will probably end after the due date. Null where nothing is known, or nothing is left to do."""

    ends_on = serializers.DateField(allow_null=True)
    approve_by = serializers.DateField(allow_null=True)
    at_risk = serializers.BooleanField()
