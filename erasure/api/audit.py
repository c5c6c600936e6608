"""The trail, for systems that keep a copy."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.audit import export
from compliance.audit.models import Event
from compliance.audit.record import CASE
from compliance.staff.models import Scope

from . import replies
from .base import DeskView, Spec
from .fields import Body, Plain, Text, Whole
from .pages import page
from .problems import Problem

MAX_PAGE, MAX_STREAM = 1000, 1_000_000_000
STREAMS = {"csv": ("text/csv", export.csv_lines), "jsonl": ("application/jsonl", export.jsonl_lines)}


class Day(Text):
    """A day in the desk's zone, or an RFC 3339 time."""

    def __init__(self, *, end: bool = False, **kwargs: Any) -> None:
        self.end = end
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            return export.parse_moment(text, end=self.end)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class Form(Plain, serializers.ChoiceField):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid_choice": gettext_lazy("Choose one of json, csv, jsonl.")
    }


class AuditQuery(Body):
    case = Text(help_text="Only the events of this case.")
    after_index = Whole(
        required=False, default=None, min_value=-1, max_value=2**53, help_text="Only sealed events beyond this index."
    )
    since = Day(help_text="A day or a time; from then on.")
    until = Day(end=True, help_text="A day (included) or a time (not included).")
    limit = Whole(
        required=False, default=None, min_value=1, max_value=MAX_STREAM, help_text="At most 1000 with format json."
    )
    format = Form(["json", *STREAMS], default="json")
    cursor = Text()

    def validate_case(self, case: str) -> str:
        if not CASE.fullmatch(case):
            raise serializers.ValidationError(_("This is not a case reference, such as DSR-2026-000123."))
        return case

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["since"] and attrs["until"] and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"until": _("It must be after since.")})
        if attrs["format"] != "json" and attrs["cursor"]:
            raise serializers.ValidationError({"cursor": _("Only format json has pages.")})
        if attrs["format"] == "json" and (attrs["limit"] or 0) > MAX_PAGE:
            raise serializers.ValidationError({"limit": _("A page has at most %(max)s rows.") % {"max": MAX_PAGE}})
        return attrs


class Trail(DeskView):
    specs = {
        "GET": Spec(
            "list_events",
            "The trail in the order of its log, as pages or as one stream",
            Scope.AUDIT_READ,
            {(200, "application/json"): replies.EventsShown}
            | {(200, media_type): str for media_type, _lines in STREAMS.values()},
            query=AuditQuery,
        )
    }

    def get(self, request: Request) -> Any:
        asked = self.query()
        events = _selected(asked)
        response: Any
        if stream := STREAMS.get(asked["format"]):
            media_type, lines = stream
            rows = export.as_rows(events, asked["limit"])
            response = StreamingHttpResponse(lines(rows), content_type=f"{media_type}; charset=utf-8")
        else:
            shown = page(request, events, by=("id",), limit=asked["limit"] or 100, cursor=asked["cursor"])
            rows = export.as_rows(Event.objects.filter(pk__in=[event.pk for event in shown.rows]))
            response = Response(shown.shown([asdict(row) for row in rows]))
        response["Audit-Tree-Size"] = "0"  # nothing is sealed yet
        return response


def _selected(asked: dict[str, Any]) -> QuerySet[Event]:
    filters = {"case": asked["case"], "at__gte": asked["since"], "at__lt": asked["until"]}
    events = Event.objects.filter(**{name: value for name, value in filters.items() if value})
    return events.none() if asked["after_index"] is not None else events


class CheckpointQuery(Body):
    size = Whole(required=False, default=None, min_value=0, max_value=2**53)


class Checkpoint(DeskView):
    specs = {
        "GET": Spec(
            "get_checkpoint",
            "A signed checkpoint of the trail",
            Scope.AUDIT_READ,
            {(200, "text/plain"): str, (404, "application/problem+json"): None},
            query=CheckpointQuery,
        )
    }

    def get(self, request: Request) -> Response:
        self.query()
        raise Problem("nothing_sealed", _("Nothing of the trail is sealed yet, so there is no checkpoint."))
