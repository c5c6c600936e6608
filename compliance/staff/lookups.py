"""What may stand in the address of an admin list."""

from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.http import HttpRequest

#: Beside the field itself. No patterns: a regular expression in an address can stop a whole process.
PLAIN = {"exact", "id__exact", "pk__exact", "isnull", "gte", "gt", "lte", "lt"}


class PlainLookups:
    """For a ModelAdmin: only its own list filters may be asked for, and only by plain comparison. Django's default lets
    anybody who sees a list ask for any lookup on any column."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """400 for what no address of this list can be, in place of whatever the database makes of it."""
        if any("\0" in value for value in request.GET.values()):
            raise DisallowedModelAdminLookup("a NUL in an address")
        return super().get_changelist_instance(request)  # type: ignore[misc]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        filters: Any = getattr(self, "list_filter", ())
        own = [getattr(item, "parameter_name", "") for item in filters if isinstance(item, type)]
        fields = [item if isinstance(item, str) else item[0] for item in filters if not isinstance(item, type)]
        return lookup in {*own, *fields, *(f"{field}__{plain}" for field in fields for plain in PLAIN)}
