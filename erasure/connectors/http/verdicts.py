"""What a failure or a status of a call means to the engine, in words for the person who has to act on it.

Each text says what happened, whether anything may have been done at the vendor, and what to do next. None holds a
vendor's body, a URL or anything that was sent.
"""

import http.client
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3.exceptions
from django.utils.translation import gettext as _

from compliance import clock

from ..errors import BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, VendorError
from .addresses import HOST_NAME

LONGEST_WAIT = timedelta(hours=24)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything it wraps. requests and urllib3 keep the inner error in `args`, `reason` or `__cause__`."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop(0)
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            inner = (*found.args, getattr(found, "reason", None), found.__cause__)
            waiting += [item for item in inner if isinstance(item, BaseException)]


def of_failure(error: BaseException, host: str, *, sent: bool, late: bool) -> VendorError:
    """What `error` means, raised by the libraries while `host` was called. `sent`: bytes of the request may have left;
    `late`: the deadline has passed."""
    causes = list(_causes(error))
    if not sent:
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return Misconfigured(
                _(
                    "The certificate that %(host)s showed could not be verified, so nothing was sent and nothing was "
                    "done there. Check the vendor's address; if a company's own authority signs it, set "
                    "VENDOR_CA_BUNDLE."
                )
                % {"host": host},
                code="certificate",
            )
        return RetryLater(
            _(
                "No connection to %(host)s could be made, so nothing was sent and nothing was done there. The desk "
                "tries again by itself; if this lasts, check the vendor's address and the network."
            )
            % {"host": host},
            code="not_sent",
        )
    if late or any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError) for cause in causes):
        return timeout(host)
    if any(isinstance(cause, http.client.IncompleteRead) for cause in causes):
        return OutcomeUnknown(
            _(
                "%(host)s took the call, but its reply broke off half-way. It may have been carried out. The desk "
                "finds out or asks again as this vendor's steps say; do not repeat the work by hand before that."
            )
            % {"host": host},
            code="half_reply",
        )
    if any(isinstance(cause, http.client.LineTooLong) or type(cause) is http.client.HTTPException for cause in causes):
        return too_large(host)
    if any(
        isinstance(cause, http.client.BadStatusLine | http.client.UnknownProtocol | urllib3.exceptions.InvalidHeader)
        and not isinstance(cause, http.client.RemoteDisconnected)
        for cause in causes
    ):
        return not_documented(host, _("it is not HTTP as the standard has it"), "not_http")
    return OutcomeUnknown(
        _(
            "The connection to %(host)s broke after the call was sent and before a reply came. It may have been "
            "carried out. The desk finds out or asks again as this vendor's steps say; do not repeat the work by hand "
            "before that."
        )
        % {"host": host},
        code="connection_lost",
    )


def timeout(host: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        _(
            "%(host)s took the call but did not finish its reply in time. It may have been carried out. The desk finds "
            "out or asks again as this vendor's steps say; do not repeat the work by hand before that."
        )
        % {"host": host},
        code="timeout",
    )


def not_documented(host: str, why: str, code: str) -> BrokenReply:
    return BrokenReply(
        _(
            "%(host)s answered in a way that its documentation does not allow: %(why)s. Whether the call was carried "
            "out is not known. Look at the vendor's own screen, or ask the vendor, and then decide how to go on."
        )
        % {"host": host, "why": why},
        code=code,
    )


def too_large(host: str) -> BrokenReply:
    return not_documented(host, _("the reply is far larger than it should be"), "reply_too_large")


def of_status(status: int, headers: Mapping[str, str], host: str) -> VendorError:
    """What `status` means where the step does not expect it."""
    names = {"host": host, "status": status}
    if status in (401, 403):
        return Misconfigured(
            _(
                "%(host)s refused the account's credentials (HTTP %(status)s). Nothing was done there. Correct the "
                "credentials, or what they may do at the vendor; the waiting work then goes on by itself."
            )
            % names,
            code="credentials_refused",
        )
    if status in (408, 425, 429, 503):
        return RetryLater(
            _(
                "%(host)s cannot take the call now (HTTP %(status)s). Nothing was done there. The desk tries again by "
                "itself after the time the vendor asks for; there is nothing to do."
            )
            % names,
            code="asked_to_wait" if status == 429 else "unavailable",
            after=_retry_after(headers.get("Retry-After", "")),
        )
    if status >= 500:
        return OutcomeUnknown(
            _(
                "%(host)s had an error of its own (HTTP %(status)s). The call may have been carried out. The desk "
                "finds out or asks again as this vendor's steps say; do not repeat the work by hand before that."
            )
            % names,
            code="server_error",
        )
    if status in (400, 409, 410, 413, 422):
        return Refused(
            _(
                "%(host)s understood the call and refused it (HTTP %(status)s). Nothing was done there. Check the "
                "identifiers and the account's options, then try again or finish the work at the vendor by hand."
            )
            % names,
            code="refused_by_vendor",
        )
    if 300 <= status < 400:
        target = _target(headers.get("Location", ""))
        why = _("it points to another address (%(target)s), which is never followed") % {"target": target or "?"}
        return not_documented(host, why, "redirected")
    return not_documented(host, _("the status is HTTP %(status)s") % names, "unexpected_status")


def _target(location: str) -> str:
    try:
        host = (urlsplit(location).hostname or "").lower()
    except ValueError:
        return ""
    return host if HOST_NAME.fullmatch(host) and len(host) <= 100 else ""


def _retry_after(value: str) -> timedelta | None:
    """RFC 9110, section 10.2.3: seconds or a date. None if it is neither, 24 hours at most."""
    value = value.strip()
    if re.fullmatch(r"[0-9]+", value):
        return timedelta(seconds=int(value)) if len(value) <= 6 and int(value) <= 86_400 else LONGEST_WAIT
    try:
        then: datetime = parsedate_to_datetime(value[:60])
    except (ValueError, OverflowError):
        return None
    wait = then.replace(tzinfo=then.tzinfo or UTC) - clock.now()
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
