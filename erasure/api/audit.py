"""The trail, for systems that keep a copy."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.core.cache import cache
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.audit import export, paging, seal
from compliance.audit.bundle import zip_stream
from compliance.audit.export import Selection
from compliance.audit.known import knows_action, knows_actor, knows_case
from compliance.audit.models import Checkpoint
from compliance.audit.paging import Place
from compliance.audit.record import ACTOR, CASE, actor_of
from compliance.staff.models import Scope

from . import pages, trail_replies
from .base import DeskView, Spec
from .exports import demand_room
from .fields import Body, Plain, Text, Whole
from .seals import nothing_sealed

MAX_PAGE, MAX_STREAM = 1000, 1_000_000_000
MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "zip": "application/zip",
}
TOLD_SECONDS = 600  # between events about the same account pulling the same
_LARGEST = 2**53 - 1  # of an index, or of a size
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")
_ACTION = re.compile(r"[a-z][a-z0-9_.]{0,79}")


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
        "invalid_choice": gettext_lazy("Choose one of json, jsonl, csv, zip.")
    }


class Switch(Plain, serializers.ChoiceField):
    """A flag in a query."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid_choice": gettext_lazy("must be true or false")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["true", "false"], default="false", **kwargs)


class AuditQuery(Body):
    case = Text(help_text="Only the events of this case.")
    actor = Text(help_text="Only what this actor did, such as user:7 or system:worker.")
    action = Text(help_text="Only events of this name, such as case.opened.")
    since = Day(help_text="A day or a time; from then on.")
    until = Day(end=True, help_text="A day (included) or a time (not included).")
    after_index = Whole(
        required=False,
        default=None,
        min_value=-1,
        max_value=_LARGEST,
        help_text="Only sealed events beyond this index, in their final order. -1 begins at the beginning.",
    )
    limit = Whole(
        required=False, default=None, min_value=1, max_value=MAX_STREAM, help_text="At most 1000 with format json."
    )
    format = Form(list(MEDIA_TYPES), default="json")
    bom = Switch(help_text="Begin the CSV, also that in a zip, with a byte order mark.")
    cursor = Text()

    def validate_case(self, case: str) -> str:
        if not CASE.fullmatch(case):
            raise serializers.ValidationError(_("This is not a case reference, such as DSR-2026-000123."))
        if case and not knows_case(case):
            raise serializers.ValidationError(_("The trail holds no event of this case."))
        return case

    def validate_actor(self, actor: str) -> str:
        if actor and not ACTOR.fullmatch(actor):
            raise serializers.ValidationError(_("This is not an actor, such as user:7 or system:worker."))
        if actor and not knows_actor(actor):
            raise serializers.ValidationError(_("The trail knows no such actor."))
        return actor

    def validate_action(self, action: str) -> str:
        if action and not _ACTION.fullmatch(action):
            raise serializers.ValidationError(_("This is not the name of an action, such as case.opened."))
        if action and not knows_action(action):
            raise serializers.ValidationError(_("There is no such action in the trail."))
        return action

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted = attrs["format"]
        if attrs["since"] and attrs["until"] and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"until": _("It must be after since.")})
        if wanted != "json" and attrs["cursor"]:
            raise serializers.ValidationError({"cursor": _("Only format json has pages.")})
        if wanted == "json" and (attrs["limit"] or 0) > MAX_PAGE:
            raise serializers.ValidationError({"limit": _("A page has at most %(max)s rows.") % {"max": MAX_PAGE}})
        if wanted == "zip" and attrs["limit"]:
            raise serializers.ValidationError({"limit": _("A zip holds all that was asked for.")})
        if wanted not in ("csv", "zip") and attrs["bom"] == "true":
            raise serializers.ValidationError({"bom": _("Only CSV may begin with a byte order mark.")})
        return attrs


class Trail(DeskView):
    specs = {
        "GET": Spec(
            "list_events",
            "The trail in the order of its log, as pages, as one stream, or as a zip with all that proves it",
            Scope.AUDIT_READ,
            {
                (200, "application/json"): trail_replies.EventsShown,
                (200, "application/jsonl"): str,
                (200, "text/csv"): str,
                (200, "application/zip"): bytes,
                (404, "application/problem+json"): None,
                (429, "application/problem+json"): None,
            },
            query=AuditQuery,
            tree_size=True,
        )
    }

    def get(self, request: Request) -> Any:
        asked = self.query()
        names = ("case", "actor", "action", "since", "until", "after_index")
        selection = Selection(**{name: asked[name] for name in names if asked[name] not in (None, "")})
        checkpoint = seal.newest()
        size = checkpoint.size if checkpoint else 0
        response: Any
        if asked["format"] == "json":
            response, size = _page(request, selection, size, asked["cursor"], asked["limit"] or 100)
        elif asked["format"] == "zip":
            response = _zip(request, selection, checkpoint, bom=asked["bom"] == "true")
        else:
            response = _stream(request, selection, size, asked)
        response["Audit-Tree-Size"] = str(size)
        return response


def _stream(request: Request, selection: Selection, size: int, asked: dict[str, Any]) -> StreamingHttpResponse:
    form, limit = asked["format"], asked["limit"]
    found = export.rows(selection, size, tail=True, limit=limit)
    count = partial(export.count, selection, size, tail=True, limit=limit)
    _tell(request, selection, form, size, count, _start(selection), limit)
    lines = export.lines(found, form, bom=asked["bom"] == "true")
    return StreamingHttpResponse(export.pieces(lines), content_type=f"{MEDIA_TYPES[form]}; charset=utf-8")


def _zip(request: Request, selection: Selection, checkpoint: Checkpoint | None, *, bom: bool) -> StreamingHttpResponse:
    if checkpoint is None:
        raise nothing_sealed()
    content = zip_stream(selection, checkpoint, bom=bom)
    count = partial(export.count, selection, checkpoint.size)
    _tell(request, selection, "zip", checkpoint.size, count, _start(selection))
    return StreamingHttpResponse(
        content,
        content_type=MEDIA_TYPES["zip"],
        headers={"Content-Disposition": 'attachment; filename="trail.zip"'},
    )


def _page(request: Request, selection: Selection, size: int, cursor: str, limit: int) -> tuple[Response, int]:
    """All pages of a walk are of the log at the size at which it began, which its cursors carry."""
    back, place = False, None
    if cursor:
        back, size, place = _read_cursor(cursor, size)
    if back:
        found, more = paging.page(selection, size, limit, before=place)
    else:
        found, more = paging.page(selection, size, limit, after=place)
    has_next, has_previous = (bool(found), more) if back else (more, bool(place and found))
    start = _start(selection) if place is None else found[0][0] if found else place
    _tell(request, selection, "json", size, lambda: len(found), start, limit)
    shown = pages.Page(
        [row._asdict() for _place, row in found],
        next=_link(request, "next", size, found[-1][0]) if has_next else None,
        previous=_link(request, "previous", size, found[0][0]) if has_previous else None,
    )
    return Response(shown.shown(shown.rows)), size


def _link(request: Request, direction: str, size: int, place: Place) -> str:
    return pages.link(request, direction, str(size), "tail" if place.in_tail else "sealed", str(place.number))


def _read_cursor(cursor: str, newest: int) -> tuple[bool, int, Place]:
    back, values = pages.read_cursor(cursor)
    numbers = [int(text) for text in values[::2] if isinstance(text, str) and _NUMBER.fullmatch(text)]
    match numbers, values[1::2]:
        case [size, number], ["sealed" | "tail" as part] if size <= newest and number < 2**63:
            return back, size, Place(part == "tail", number)
    raise pages.bad_cursor()


def _start(selection: Selection) -> Place:
    """Where what is asked for begins. Without `after_index` it takes in more than from index 0 on: the tail, too."""
    return Place(False, -1 if selection.after_index is None else selection.first)


def _tell(
    request: Request,
    selection: Selection,
    form: str,
    size: int,
    count: Callable[[], int],
    start: Place,
    limit: int | None = None,
) -> None:
    """Leaves an event about who looks, before anything is shown. A system that asks again and again for the same, from
    where it was, leaves one in a while; whoever asks with another limit, or for what lies before the start of a pull
    that is on record, leaves another. Raises Throttled."""
    actor = actor_of(request.user)
    asked = repr((actor, replace(selection, after_index=None), form, limit))
    key = f"audit-told:{hashlib.sha256(asked.encode()).hexdigest()}"
    told = cache.get(key)
    if told is None or start < told:
        demand_room(actor)
        export.record_export(selection, actor=actor, form=form, count=count(), size=size)
        cache.set(key, start, TOLD_SECONDS)
