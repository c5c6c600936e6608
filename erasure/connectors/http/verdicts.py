"""What a failure or a status of a call means to the engine, in words for the person who has to act on it.

Each text says what happened, whether anything may have been done at the vendor, and what to do next. None holds a
vendor's body, a URL or anything that was sent.
"""

import http.client
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3.exceptions
from django.utils.translation import gettext as _

from compliance import clock

from ..errors import BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, VendorError
from .addresses import HOST_NAME

#: What a vendor asks for is kept up to here: a header that is wrong must not stop an account in silence, and one call a
#: day leaves work that waits three tries before it needs attention.
LONGEST_WAIT = timedelta(hours=24)
#: The codes of a call to which no answer came at all: it may have been carried out.
NO_ANSWER = frozenset({"half_reply", "connection_lost", "timeout", "server_error"})
REFUSED_BY_VENDOR = "refused_by_vendor"  # the code of a call that its status refuses


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
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return RetryLater(
                _(
                    "%(host)s and the desk could not agree on an encrypted connection (TLS), so nothing was sent and "
                    "nothing was done there. The desk tries again by itself; if this lasts, check the port in the "
                    "vendor's address, and whether a proxy stands between (VENDOR_PROXY)."
                )
                % {"host": host},
                code="not_sent",
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
        return not_http(host)
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


def not_documented(host: str, why: str, *, code: str) -> BrokenReply:
    return BrokenReply(
        _(
            "%(host)s answered in a way that its documentation does not allow: %(why)s. Whether the call was carried "
            "out is not known. Look at the vendor's own screen, or ask the vendor, and then decide how to go on."
        )
        % {"host": host, "why": why},
        code=code,
    )


def not_http(host: str) -> BrokenReply:
    return not_documented(host, _("it is not HTTP as the standard has it"), code="not_http")


def too_large(host: str) -> BrokenReply:
    return not_documented(host, _("the reply is far larger than it should be"), code="reply_too_large")


def of_status(
    status: int, headers: Mapping[str, str], host: str, redacted: Callable[[str], str] = lambda text: text
) -> VendorError:
    """What `status` means where the step does not expect it. `redacted`: what may be shown of a vendor's text."""
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
            code=REFUSED_BY_VENDOR,
        )
    if status in (301, 302, 303, 307, 308):
        target = redacted(_target(headers.get("Location", "")))
        why = _("it points to another address (%(target)s), which is never followed") % {"target": target or "?"}
        return not_documented(host, why, code="redirected")
    return not_documented(host, _("the status is HTTP %(status)s") % names, code="unexpected_status")


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
