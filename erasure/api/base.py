"""What every view of the API shares: strict JSON in, JSON out, one `Spec` a method, and its documentation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.staff.models import Scope

from . import problems
from .fields import Body, Nothing
from .idempotency import once

MIB = 1024 * 1024


@dataclass(frozen=True)
class Spec:
    """One method of a view: what it is called, which scope it needs (and `also`), what it takes (a body of at most
    `largest` bytes) and gives; `tree_size` says that a header gives the size of the log that the answer is of."""

    name: str
    summary: str
    scope: Scope
    answer: Any
    body: type[Body] = Nothing
    query: type[Body] | None = None
    status: int = 200
    largest: int = 2 * MIB
    also: Scope | None = None
    tree_size: bool = False

    @property
    def scopes(self) -> list[Scope]:
        return [self.scope, *([self.also] if self.also else [])]


class ProblemShown(serializers.Serializer):
    """Problem details (RFC 9457). `errors` names each wrong field, `reference` the case that is in the way, `sizes` the
    nearest checkpoints that there are."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(child=serializers.CharField()), required=False
    )
    reference = serializers.CharField(required=False)
    scope = serializers.CharField(required=False)
    sizes = serializers.ListField(child=serializers.IntegerField(), required=False)


class _Documented(AutoSchema):
    """The OpenAPI operation of a method, from its Spec."""

    @property
    def _spec(self) -> Spec:
        view: Any = self.view
        spec: Spec = view.specs[self.method]
        return spec

    def get_operation_id(self) -> str:
        return self._spec.name

    def get_summary(self) -> str:
        return self._spec.summary

    def get_description(self) -> str:  # type: ignore[override]
        return f"Needs the scope {' and '.join(f'`{scope}`' for scope in self._spec.scopes)}."

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[3]]

    def get_override_parameters(self) -> list[Any]:
        if self.method == "POST":
            text = "Any text of your own, new for each request: a repeat with it is answered alike and done once."
            return [OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description=text)]
        parameters: list[Any] = [self._spec.query] if self._spec.query else []
        if self._spec.tree_size:
            text = "How many sealed events the log had that this is of."
            parameters.append(OpenApiParameter("Audit-Tree-Size", int, "header", description=text, response=[200]))
        return parameters

    def get_request_serializer(self) -> Any:
        body = self._spec.body
        return body if self.method == "POST" and body is not Nothing else None

    def get_response_serializers(self) -> Any:
        spec = self._spec
        answers: dict[Any, Any] = spec.answer if isinstance(spec.answer, dict) else {spec.status: spec.answer}
        refusals = [401, 403]
        refusals += [404] if "{" in self.path else []
        refusals += [400, 409, 415, 422] if self.method == "POST" else [422] if spec.query else []
        return answers | {(status, problems.MEDIA_TYPE): ProblemShown for status in sorted(refusals)}


class AlwaysFirst(BaseContentNegotiation):
    """There is one form of each reply: what a client says it accepts changes nothing."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((parser for parser in parsers if request.content_type.startswith(parser.media_type)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJson(JSONParser):
    """JSON that means one thing: whole UTF-8, no key twice, no NaN, of a bounded depth."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            found = json.loads(stream.read().decode(), object_pairs_hook=_each_once, parse_constant=_no_constant)
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text (RFC 7493)
        except (ValueError, RecursionError):
            raise ParseError(_("The body is not JSON (RFC 8259) in UTF-8. Nothing was done.")) from None
        return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(word: str) -> None:
    raise ValueError


class DeskView(APIView):
    """A view with a Spec for each method it knows."""

    specs: ClassVar[Mapping[str, Spec]]
    parser_classes = (StrictJson,)
    content_negotiation_class = AlwaysFirst
    http_method_names = ["get", "head", "post"]
    schema = _Documented()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def query(self) -> dict[str, Any]:
        """The query parameters, checked; an empty one counts as left out."""
        shape = self.specs["GET"].query or Nothing
        given = shape(data={name: text for name, text in self.request.query_params.items() if text != ""})
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)


class Change(DeskView):
    """A view with a POST: `act` does it, once for each Idempotency-Key. `reads`: it changes nothing, so that no reply
    is kept."""

    reads: ClassVar[bool] = False

    def post(self, request: Request, **where: str) -> Response:
        spec = self.specs["POST"]
        length = request.META.get("CONTENT_LENGTH", "")
        if length.isdecimal() and int(length) > spec.largest:
            raise RequestDataTooBig
        given = spec.body(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)

        def answer() -> Response:
            return Response(self.act(values, **where), status=spec.status)

        return answer() if self.reads else once(request, answer)

    def act(self, values: dict[str, Any], **where: str) -> Any:
        """Calls one function of the desk and returns what to show."""
        raise NotImplementedError


class Nowhere(APIView):
    """Any other address: a problem like every other refusal."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AlwaysFirst
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound
