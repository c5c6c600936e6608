"""The fields of bodies and queries: strict, so that nothing is silently taken, changed or left out."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

EARLIEST = 1900
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)


class Plain:
    """A field that says what it wants in our words, which follow the field's name, and never repeats the value."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "required": _lazy("is required"),
        "null": _lazy("must not be null"),
        "blank": _lazy("must not be empty"),
        "empty": _lazy("must not be empty"),
        "not_a_list": _lazy("must be a list"),
        "min_value": _lazy("must be {min_value} or more"),
        "max_value": _lazy("must be {max_value} or less"),
    }


class Whole(Plain, serializers.IntegerField):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _lazy("must be a whole number"),
        "max_string_length": _lazy("must be a whole number"),
    }


class Day(Plain, serializers.DateField):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _lazy("must be a day such as 2026-11-02"),
        "datetime": _lazy("must be a day such as 2026-11-02"),
    }


class Items(Plain, serializers.ListField):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "max_length": _lazy("must hold no more than {max_length} items")
    }


class Bodies(Plain, serializers.ListSerializer):
    pass


class Body(Plain, serializers.Serializer):
    """An object that has these fields and no others. Shape alone: what a value may be is for `intake` and `lifecycle`
    to say."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": _lazy("must be an object")}

    class Meta:
        list_serializer_class = Bodies

    def to_internal_value(self, data: Any) -> Any:
        problems: dict[str, Any] = {}
        if isinstance(data, Mapping):
            problems = {str(name): [_("Unknown field.")] for name in data if name not in self.fields}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**problems, **error.detail}) from None
        if problems:
            raise serializers.ValidationError(problems)
        return values


class Nothing(Body):
    """A body without fields; it may be left out."""


class Text(Plain, serializers.CharField):
    """Text as it was typed: numbers are not made into text and nothing is trimmed. Unless `required`, null and leaving
    it out both mean an empty text."""

    def __init__(self, *, required: bool = False, **kwargs: Any) -> None:
        kwargs |= {"required": True} if required else {"allow_null": True, "default": ""}
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation("" if data is None and self.allow_null else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("must be text"))
        return super().to_internal_value(data)


class Word(Text):
    """One of our words. Documented here; whoever takes it checks it."""

    def __init__(self, words: type[TextChoices], **kwargs: Any) -> None:
        self.words = words
        super().__init__(**kwargs)


class Choice(Word):
    """One of our words, checked here."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and text not in self.words.values:
            raise serializers.ValidationError(_("Choose one of %(all)s.") % {"all": ", ".join(self.words.values)})
        return text


class Flag(Plain, serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("must be true or false"))
        return data


class QueryFlag(Flag):
    """The same in a query: the words true and false."""

    def to_internal_value(self, data: Any) -> bool:
        return super().to_internal_value({"true": True, "false": False}.get(data, data))


class Id(Plain, serializers.UUIDField):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _lazy("must be an id such as 3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00")
    }


@extend_schema_field(OpenApiTypes.BYTE)
class Base64(Plain, serializers.Field):
    """Bytes, in base64 without spaces or line breaks."""

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return base64.b64decode(data if isinstance(data, str) else "?", validate=True)
        except ValueError:
            raise serializers.ValidationError(_("must be base64, without spaces or line breaks")) from None


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(Plain, serializers.Field):
    """An RFC 3339 time with its zone, as an aware time in UTC."""

    def to_internal_value(self, data: Any) -> datetime:
        match = _MOMENT.fullmatch(data) if isinstance(data, str) else None
        if match and not match["zone"]:
            raise serializers.ValidationError(_("The time needs a zone, such as 2026-11-02T09:30:00Z."))
        try:
            moment = datetime.fromisoformat(data.upper()) if match else None
        except ValueError:
            moment = None
        if moment is None:
            if isinstance(data, str) and _DAY.fullmatch(data):
                raise serializers.ValidationError(_("A day is not enough: give a time such as 2026-11-02T09:30:00Z."))
            raise serializers.ValidationError(_("must be a time such as 2026-11-02T09:30:00Z"))
        if not EARLIEST <= moment.year < 9999:  # beyond them, UTC may be out of what a time can be
            raise serializers.ValidationError(_("must lie in the years from %(first)s to 9998") % {"first": EARLIEST})
        return moment.astimezone(UTC)


class _Words(OpenApiSerializerFieldExtension):
    target_class = Word
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.target.words.values)}


def utc_time(**options: Any) -> serializers.DateTimeField:
    """A time of a reply, in UTC."""
    return serializers.DateTimeField(default_timezone=UTC, **options)
