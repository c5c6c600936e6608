"""Idempotency-Key: a repeated POST is answered as the first time, and done once.

The header is the one of the IETF draft "The Idempotency-Key HTTP Header Field". The reply is kept in the transaction of
the change: a crash leaves both or neither. A repeat that comes while the first is under way waits for its end.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import clock
from compliance.staff.models import IdempotentReply
from compliance.vault.seal import fingerprint
from erasure.errors import DeskError

from .problems import Problem

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once(request: Request, act: Callable[[], Response]) -> Response:
    """Runs `act`, or repeats what it answered to this account, key and request before. Only a 2xx is kept."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return act()
    if not _KEY.fullmatch(given):
        raise Problem(
            "malformed_request", _("An Idempotency-Key is 1 to 255 printable ASCII characters without spaces.")
        )
    said = fingerprint(
        "idempotent_request", f"{request.method} {request.path} {json.dumps(request.data, sort_keys=True)}"
    )
    account: Any = request.user
    refusal: DeskError | None = None
    with transaction.atomic():
        # Whoever comes second waits here: for the row on PostgreSQL, for the one writer on SQLite.
        reply, new = IdempotentReply.objects.get_or_create(
            account=account,
            key=fingerprint("idempotency_key", given),
            defaults={"request": said, "created_at": clock.now()},
        )
        if not new:
            return _again(reply, said)
        try:
            response = act()
        except DeskError as error:
            # What a refusal leaves behind must stay: a stale plan is drawn again before its approval is refused.
            refusal = error
            reply.delete()
        else:
            reply.status = response.status_code
            reply.body = json.loads(JSONRenderer().render(response.data))
            reply.save(update_fields=["status", "body"])
    if refusal is not None:
        raise refusal
    return response


def _again(reply: IdempotentReply, said: str) -> Response:
    if reply.request != said:
        raise Problem(
            "idempotency_key_reused",
            _("This Idempotency-Key was used for another request. Nothing was done. Use a new key."),
        )
    return Response(reply.body, status=reply.status, headers={"Idempotency-Replayed": "true"})
