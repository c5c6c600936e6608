"""What went wrong, as problem details (RFC 9457): one type a cause, all of them listed here and in the README."""

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from compliance.vault.seal import Destroyed, Unreadable
from erasure.errors import Conflict, DeskError, Forbidden, Invalid, NotFound, Unavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: The type's last word → the HTTP status and the title. The type is `/problems/<word>`.
TYPES: dict[str, tuple[int, Any]] = {
    "malformed_request": (400, gettext_lazy("The request cannot be read")),
    "not_authenticated": (401, gettext_lazy("A valid token is needed")),
    "forbidden": (403, gettext_lazy("This is not allowed")),
    "missing_scope": (403, gettext_lazy("The token lacks a scope")),
    "four_eyes": (403, gettext_lazy("Another person must approve")),
    "not_found": (404, gettext_lazy("There is no such thing")),
    "no_checkpoint": (404, gettext_lazy("The trail has no checkpoint of this size")),
    "nothing_sealed": (404, gettext_lazy("Nothing of the trail is sealed yet")),
    "method_not_allowed": (405, gettext_lazy("The address does not know this method")),
    "conflict": (409, gettext_lazy("This is not possible now")),
    "already_acknowledged": (409, gettext_lazy("The receipt was confirmed before")),
    "already_asked": (409, gettext_lazy("The person was asked this before")),
    "not_asked": (409, gettext_lazy("The person was not asked this")),
    "already_answered": (409, gettext_lazy("The person was answered before")),
    "already_listed": (409, gettext_lazy("The recipient is in the ledger")),
    "already_told": (409, gettext_lazy("That was recorded before")),
    "already_extended": (409, gettext_lazy("The time to reply was extended before")),
    "no_extension": (409, gettext_lazy("The law of this case knows no extension")),
    "too_late_to_extend": (409, gettext_lazy("The time to reply has ended")),
    "identity_not_proven": (409, gettext_lazy("It is not proven who the person is")),
    "not_a_lifting": (409, gettext_lazy("The case lifts no restriction")),
    "not_refusable": (409, gettext_lazy("It can no longer be refused")),
    "not_refused": (409, gettext_lazy("It is not refused")),
    "refuses_all": (409, gettext_lazy("Nothing would be left to approve")),
    "no_mailing": (409, gettext_lazy("The desk sends no letters by e-mail")),
    "no_mail_address": (409, gettext_lazy("The person has no e-mail address")),
    "letter_sent_before": (409, gettext_lazy("The letter was sent before")),
    "letter_not_open": (409, gettext_lazy("The letter does not wait for a decision")),
    "changed": (409, gettext_lazy("It has just changed")),
    "destroyed": (409, gettext_lazy("The personal data cannot be opened")),
    "external_id_used": (409, gettext_lazy("The external id was used before")),
    "no_identifiers": (409, gettext_lazy("The case has no identifier")),
    "no_proposals": (409, gettext_lazy("No identifier is proposed")),
    "no_vendors": (409, gettext_lazy("There is no enabled vendor")),
    "not_awaiting_attestation": (409, gettext_lazy("It does not wait for a confirmation by hand")),
    "not_awaiting_identifier": (409, gettext_lazy("It does not wait for an identifier")),
    "not_held": (409, gettext_lazy("The case is not on hold")),
    "not_retryable": (409, gettext_lazy("It does not wait to be tried again")),
    "not_sealed": (409, gettext_lazy("The events of the case are not sealed")),
    "not_stoppable": (409, gettext_lazy("It does not wait for a person")),
    "nothing_to_approve": (409, gettext_lazy("No plan awaits approval")),
    "plan_changed": (409, gettext_lazy("The plan is not the one that was read")),
    "shred_asked": (409, gettext_lazy("The destruction was asked for before")),
    "shred_not_asked": (409, gettext_lazy("Nobody asks for the destruction")),
    "too_many_recipients": (409, gettext_lazy("The ledger holds no more recipients")),
    "vendor_settings": (409, gettext_lazy("The settings of a vendor account do not fit")),
    "wrong_state": (409, gettext_lazy("The state of the case does not allow it")),
    "too_large": (413, gettext_lazy("The request is too large")),
    "unsupported_media_type": (415, gettext_lazy("The body must be JSON")),
    "invalid": (422, gettext_lazy("A field is wrong")),
    "idempotency_key_reused": (422, gettext_lazy("The Idempotency-Key belongs to another request")),
    "throttled": (429, gettext_lazy("Too many requests")),
    "internal": (500, gettext_lazy("An error in Erasure Desk")),
    "unreadable": (500, gettext_lazy("Sealed data cannot be opened")),
    "unavailable": (503, gettext_lazy("The desk cannot work now")),
    "put_back": (503, gettext_lazy("The desk was put back from a backup")),
}

#: What refuses → its status, and its type where the reason has none of this status.
_GENERAL = {Forbidden: (403, "forbidden"), NotFound: (404, "not_found"), Unavailable: (503, "unavailable")}
_SHOWN_ERRORS = 5  # fields named in `detail`; `errors` has them all


class Problem(exceptions.APIException):
    """A refusal of the API itself. `code` is a word of TYPES."""

    def __init__(self, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.code, self.members = code, members


def handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """The reply to anything that a view raises; never a value that somebody typed, never a traceback."""
    if isinstance(error, Problem):
        return problem(error.code, str(error.detail), **error.members)
    if isinstance(error, DeskError):
        return _desk_error(error)
    if isinstance(error, exceptions.ValidationError):
        return _invalid(list(_flat(error.detail)))
    if isinstance(error, Destroyed):
        return problem("destroyed", str(error))
    if isinstance(error, Unreadable):
        return problem("unreadable", str(error))
    if isinstance(error, OperationalError):
        log.error("the database did not answer: %s", type(error).__name__)
        return problem(
            "unavailable",
            _("The database is busy or cannot be reached. Send the request again, with the same Idempotency-Key."),
            headers={"Retry-After": "5"},
        )
    if isinstance(error, ImproperlyConfigured):  # its text names a setting and never a value
        log.error("%s", error)
        return problem(
            "unavailable",
            _(
                "The desk lacks a part of its installation, such as its key ring; its log says which. Nothing of this "
                "request was kept. Send it again once that is mended, with the same Idempotency-Key."
            ),
            headers={"Retry-After": "60"},
        )
    return _of_framework(error, context)


def problem(code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """A problem reply of the type `code`; `members` are added to the object (RFC 9457, section 3.2)."""
    status, title = TYPES[code]
    data = {"type": f"/problems/{code}", "title": str(title), "status": status, "detail": detail, **members}
    return Response(data, status=status, headers=headers, content_type=MEDIA_TYPE)


def _desk_error(error: DeskError) -> Response:
    if isinstance(error, Invalid):
        return _invalid(error.problems)
    status, general = _GENERAL.get(type(error), (409, "conflict"))
    code = error.code if TYPES.get(error.code, (0,))[0] == status else general
    members: dict[str, Any] = {}
    if isinstance(error, Conflict) and error.reference:
        members["reference"] = error.reference
    headers = {"Retry-After": "60"} if status == 503 else None
    return problem(code, error.text, headers=headers, **members)


def _invalid(problems: Sequence[tuple[str, str]]) -> Response:
    whole = _("request")
    named = [f"{pointer[1:] or whole}: {text.removesuffix('.')}" for pointer, text in problems]
    what, more = "; ".join(named[:_SHOWN_ERRORS]), len(named) - _SHOWN_ERRORS
    if more > 0:
        what = _("%(what)s; and %(more)s more") % {"what": what, "more": more}
    return problem(
        "invalid",
        _("Nothing was done. %(what)s.") % {"what": what},
        errors=[{"pointer": pointer, "detail": text} for pointer, text in problems],
    )


def _flat(detail: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Nested errors of a serializer as pairs of a JSON pointer (RFC 6901) and a sentence."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            part = str(name).replace("~", "~0").replace("/", "~1")
            yield from _flat(inner, at if name == api_settings.NON_FIELD_ERRORS_KEY else f"{at}/{part}")
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _flat(inner, at if isinstance(inner, str) else f"{at}/{number}")
    else:
        yield at, str(detail)


def _of_framework(error: Exception, context: Mapping[str, Any]) -> Response:
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        challenge = getattr(error, "auth_header", None) or "Bearer"
        text = str(error.detail)
        if isinstance(error, exceptions.NotAuthenticated):
            text = _("Send a token, in the header “Authorization: Bearer <token>”. Nothing was done.")
        return problem("not_authenticated", text, headers={"WWW-Authenticate": challenge})
    if isinstance(error, Http404 | exceptions.NotFound):
        return problem("not_found", _("There is nothing at this address. Addresses of the API end with a slash."))
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        return problem("forbidden", _("This is not allowed."))
    if isinstance(error, exceptions.MethodNotAllowed):
        return problem("method_not_allowed", _("The header Allow names the methods that this address knows."))
    if isinstance(error, exceptions.UnsupportedMediaType):
        return problem("unsupported_media_type", _("Send JSON with the header Content-Type: application/json."))
    if isinstance(error, exceptions.Throttled):
        wait = getattr(error, "wait", None)
        headers = {"Retry-After": str(int(wait))} if wait else None
        return problem("throttled", _("Too many requests. Nothing was done; try again later."), headers=headers)
    if isinstance(error, RequestDataTooBig):
        return problem("too_large", _("The body is too large. Nothing was done."))
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return problem("malformed_request", str(error.detail))
    # The text of an exception may hold what somebody typed: only its kind and where it arose are logged.
    request = context.get("request")
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s in %s %s\n%s", type(error).__name__, getattr(request, "method", ""), context.get("view"), where)
    return problem(
        "internal",
        _("Nothing of this request was kept. Send it again; if it fails again, the log of the desk says where."),
    )
