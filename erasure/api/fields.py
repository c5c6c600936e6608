"""The fields of bodies and queries: strict, so that nothing is silently taken, changed or left out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

EARLIEST = 1900
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)


class Body(serializers.Serializer):
    """An object that has these fields and no others. Shape alone: what a value may be is for `intake` and `lifecycle`
    to say."""

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


class Text(serializers.CharField):
    """Text as it was typed: numbers are not made into text and nothing is trimmed. Unless `required`, null and leaving
    it out both mean an empty text."""

    def __init__(self, *, required: bool = False, **kwargs: Any) -> None:
        kwargs |= {"required": True} if required else {"allow_null": True, "default": ""}
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation("" if data is None and self.allow_null else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("This must be text."))
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


class Flag(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("This must be true or false."))
        return data


class Id(serializers.UUIDField):
    default_error_messages = {"invalid": "This is not an id."}


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field):
    """An RFC 3339 time with its zone, as an aware time in UTC."""

    def to_internal_value(self, data: Any) -> datetime:
        match = _MOMENT.fullmatch(data) if isinstance(data, str) else None
        if match and not match["zone"]:
            raise serializers.ValidationError(_("The time needs a zone, such as 2026-11-02T09:30:00Z."))
        try:
            moment = datetime.fromisoformat(data.upper()).astimezone(UTC) if match else None
        except (ValueError, OverflowError):
            moment = None
        if moment is None or moment.year < EARLIEST:
            raise serializers.ValidationError(_("This is not a time such as 2026-11-02T09:30:00Z."))
        return moment


class _Words(OpenApiSerializerFieldExtension):
    target_class = Word
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.target.words.values)}
