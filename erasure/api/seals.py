"""What the trail is sealed with: checkpoints, proofs, and the keys to check them by.

A proof is of any size up to that of the newest checkpoint, not of checkpoints' sizes alone: whoever has computed a root
can hold the log to it. A root that is signed comes with a checkpoint."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.audit import bundle, merkle, seal
from compliance.audit import models as trail
from compliance.audit.nodes import Nodes
from compliance.staff.models import Scope
from erasure.errors import Invalid

from . import trail_replies
from .base import DeskView, Spec
from .fields import Body, Whole
from .problems import Problem

_LARGEST = 2**53 - 1  # of an index, or of a size
_SIZE = "By default that of the newest checkpoint."
_NOT_FOUND = (404, "application/problem+json")


class CheckpointQuery(Body):
    size = Whole(required=False, default=None, min_value=0, max_value=_LARGEST, help_text=_SIZE)


class InclusionQuery(Body):
    index = Whole(required=True, min_value=0, max_value=_LARGEST)
    size = Whole(required=False, default=None, min_value=1, max_value=_LARGEST, help_text=_SIZE)


class ConsistencyQuery(Body):
    first = Whole(required=True, min_value=0, max_value=_LARGEST)
    second = Whole(required=False, default=None, min_value=0, max_value=_LARGEST, help_text=_SIZE)


class Checkpoint(DeskView):
    specs = {
        "GET": Spec(
            "get_checkpoint",
            "A signed checkpoint of the trail (c2sp.org/tlog-checkpoint): the newest, or that of exactly this size",
            Scope.AUDIT_READ,
            {(200, "text/plain"): str, _NOT_FOUND: None},
            query=CheckpointQuery,
            tree_size=True,
        )
    }

    def get(self, request: Request) -> HttpResponse:
        size = self.query()["size"]
        newest = _newest()
        found = newest if size is None else seal.at_size(size)
        if found is None:
            known = trail.Checkpoint.objects.filter(size__lte=newest.size).values_list("size", flat=True)
            below = known.filter(size__lt=size).order_by("size").last()
            above = known.filter(size__gt=size).order_by("size").first()
            near = [each for each in (below, above) if each is not None]
            text = _("There is no checkpoint of %(size)s events. The nearest: %(near)s.")
            raise Problem("no_checkpoint", text % {"size": size, "near": ", ".join(map(str, near))}, sizes=near)
        response = _plain(found.note)
        response["Audit-Tree-Size"] = str(found.size)
        return response


class Inclusion(DeskView):
    specs = {
        "GET": Spec(
            "prove_inclusion",
            "The proof that an event has its place in the log",
            Scope.AUDIT_READ,
            {(200, "application/json"): trail_replies.InclusionShown, _NOT_FOUND: None},
            query=InclusionQuery,
        )
    }

    def get(self, request: Request) -> Response:
        asked = self.query()
        size = _size(asked["size"], "size")
        if asked["index"] >= size:
            raise Invalid([("/index", _("a log of %(size)s events has no such index") % {"size": size})])
        hashes = merkle.inclusion(asked["index"], size, Nodes())
        return Response({"index": asked["index"], "size": size, "hashes": [node.hex() for node in hashes]})


class Consistency(DeskView):
    specs = {
        "GET": Spec(
            "prove_consistency",
            "The proof that the log of one size begins with that of another",
            Scope.AUDIT_READ,
            {(200, "application/json"): trail_replies.ConsistencyShown, _NOT_FOUND: None},
            query=ConsistencyQuery,
        )
    }

    def get(self, request: Request) -> Response:
        asked = self.query()
        first, second = asked["first"], _size(asked["second"], "second")
        if first > second:
            raise Invalid([("/first", _("must not be larger than %(second)s") % {"second": second})])
        hashes = merkle.consistency(first, second, Nodes())
        return Response({"first": first, "second": second, "hashes": [node.hex() for node in hashes]})


class Keys(DeskView):
    specs = {
        "GET": Spec(
            "list_keys",
            "The public keys of the trail, one a line, the oldest first (c2sp.org/signed-note)",
            Scope.AUDIT_READ,
            {(200, "text/plain"): str, _NOT_FOUND: None},
        )
    }

    def get(self, request: Request) -> HttpResponse:
        if keys := bundle.public_keys():
            return _plain(keys)
        raise nothing_sealed()


def nothing_sealed() -> Problem:
    return Problem("nothing_sealed", _("Nothing of the trail is sealed yet, so there is nothing that could prove it."))


def _newest() -> trail.Checkpoint:
    newest = seal.newest()
    if newest is None:
        raise nothing_sealed()
    return newest


def _size(asked: int | None, name: str) -> int:
    """The size that was asked for, or the newest. Raises Invalid for one that is not sealed yet."""
    newest = _newest().size
    if asked is not None and asked > newest:
        raise Invalid([(f"/{name}", _("only %(size)s events are sealed") % {"size": newest})])
    return newest if asked is None else asked


def _plain(text: str) -> Any:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
