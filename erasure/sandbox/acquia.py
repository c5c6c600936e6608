"""The Acquia CDP stand-in: its data erasure call and its sign-in, made from the vendor's public pages ("Using the data
erasure API", "Requesting a new token for data erasure").

Ids that are held are queued as one event and acted upon `act_days` of the stand-in's clock later (the vendor says 14 to
30): then all that is held of them by that time goes. Until then they are pending, and asked for again are ignored.
There is no call that tells how far an event is; `events` is what the vendor's own screen would show.

What the pages do not say is strict here. A body with a member that no page knows, with an id twice, a name twice or
another tenant is a 400, as is a query that no page knows. A wrong tenant or credential and a spent quota are answered
by HTML pages. `requestedDate` is in the future when both the stand-in's clock and this machine's say so: the first may
stand still, and the second is not turned along with it.
"""

import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .faults import Fault
from .server import StandIn, route
from .wire import Call, Reply

MOST_IDS = 200
PUBLISHED_QUOTA = 9990  # calls a week
WEEK = timedelta(days=7)
REQUIRED = ("reason", "customerIds", "requestOrigin", "requestedDate")
OPTIONAL = ("requestedBy", "tenantId")  # the second stands in one public sample only
REQUESTED_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) (?:UTC|GMT)")


class Invalid(ValueError):
    """A body or query that the call does not take; the text says what about it."""


@dataclass
class Event:
    """One erasure: `ids` were queued at once, and it is carried out at `due`."""

    event_id: str
    ids: tuple[str, ...]
    reason: str
    due: datetime
    completed: bool = False


class Acquia(StandIn):
    """`act_days`            from an event's registration until it is carried out
    `expires_in`          seconds of the stand-in's clock that a token lasts
    `one_session`         a new token ends those that were made before it; the fixed one stays
    `none_known_is_404`   a call of which no id is held is a 404; else a 200 that lists them all as not found
    `weekly_quota`        calls in any seven days before a 429; None for no limit, `PUBLISHED_QUOTA` is the vendor's"""

    key = "acquia"
    label = "Acquia CDP"
    controls = frozenset({"hold", "failing", "poison"})

    def __init__(
        self,
        *,
        tenant_id: str = "1234",
        token: str = "sandbox-token",  # noqa: S107 — a stand-in's, printed for whoever starts it
        username: str = "sandbox",
        password: str = "sandbox-password",  # noqa: S107
        act_days: float = 21,
        expires_in: int = 86_400,
        one_session: bool = False,
        none_known_is_404: bool = True,
        weekly_quota: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.credentials = {"token": token, "username": username, "password": password}
        self.options = {"tenant_id": tenant_id}
        self.acting = timedelta(days=act_days)
        self.expires_in = expires_in
        self.one_session = one_session
        self.none_known_is_404 = none_known_is_404
        self.weekly_quota = weekly_quota
        self.events: dict[str, Event] = {}
        self._records: dict[str, int] = {}
        self._tokens: dict[str, datetime] = {}  # made by a sign-in → when it ends
        self._signed_in = 0
        self._failing: dict[str, int | None] = {}
        self._poison: set[str] = set()
        self._taken: list[datetime] = []

    # --- the people it holds ---

    def hold(self, customer_id: str, *, records: int = 1, pending: bool = False) -> None:
        """Adds records about a made-up person. `pending`: somebody has already asked for the erasure, on the vendor's
        own screen; it is carried out `act_days` from now."""
        if records < 1:
            raise ValueError("records must be 1 or more")
        with self.lock:
            check_ids([customer_id])
            self._settle()
            self._records[customer_id] = self._records.get(customer_id, 0) + records
            if pending and customer_id not in self._pending():
                self._register([customer_id], "asked for on the screen")

    def held(self) -> dict[str, int]:
        with self.lock:
            self._settle()
            return {customer_id: count for customer_id, count in self._records.items() if count}

    def pending(self) -> set[str]:
        """The ids whose erasure has been registered and not yet carried out."""
        with self.lock:
            self._settle()
            return self._pending()

    def failing(self, customer_id: str, times: int | None = 1) -> None:
        """The next `times` calls (None: all) cannot register this id, whether it is held or not."""
        if times is not None and times < 1:
            raise ValueError("times must be 1 or more, or None for all calls")
        with self.lock:
            check_ids([customer_id])
            self._failing[customer_id] = times

    def poison(self, customer_id: str) -> None:
        """Every call with this id is answered 400, whatever else is in it."""
        with self.lock:
            check_ids([customer_id])
            self._poison.add(customer_id)

    def stumble(self, times: int | None = 1, *, process: bool = False) -> Fault:
        """The next `times` erasure calls (None: all) are answered by the documented 500; with `process`, after they
        have been carried out."""
        body = error(500, "Something went wrong.", "intermittent").body.decode()
        path = "*/dw/dataerasure"
        return self.faults.add(
            Fault("reply", "POST", path, times, process, status=500, body=body, content_type="application/json")
        )

    # --- credentials ---

    def authorised(self, call: Call) -> bool:
        if self._wants_basic(call):
            return call.basic() == (self.credentials["username"], self.credentials["password"])
        token = call.bearer()
        ends = self._tokens.get(token)
        return token == self.credentials["token"] or (ends is not None and self.clock.now() < ends)

    def refusal(self, call: Call) -> Reply:
        scheme = "Basic" if self._wants_basic(call) else "Bearer"
        return Reply.page(401, WWW_Authenticate=f'{scheme} realm="CDP"')

    def _wants_basic(self, call: Call) -> bool:
        return "tenant" not in call.parts and call.one("action") != "logout"

    @route("POST", "/authentication")
    def authentication(self, call: Call) -> Reply:
        if call.query == [("action", "logout")]:
            if self._tokens.pop(call.bearer(), None):  # the fixed token has no session to end
                call.did("token_ended")
            return Reply.json({})
        return self._make_token(call, {"action": "login"})

    @route("POST", "/token")
    def create_token(self, call: Call) -> Reply:
        return self._make_token(call, {"action": "create", "scheme": "a1user"})

    def _make_token(self, call: Call, wanted: Mapping[str, str]) -> Reply:
        if sorted(call.query) != sorted(wanted.items()):
            return Reply.page(400)
        if self.one_session:
            self._tokens.clear()
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self.clock.now() + timedelta(seconds=self.expires_in)
        self._signed_in += 1
        call.did("token_made", str(self._signed_in))
        return Reply.json({"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})

    # --- erasure ---

    @route("POST", "/v2/(?P<tenant>[^/]+)/dw/dataerasure")
    def erase(self, call: Call) -> Reply:
        tenant, now = self.options["tenant_id"], self.clock.now()
        if call.parts["tenant"] != tenant:
            return Reply.page(404)
        self._settle()
        self._taken = [at for at in self._taken if now - at < WEEK]
        if self.weekly_quota is not None and len(self._taken) >= self.weekly_quota:
            return Reply.page(429)
        self._taken.append(now)
        try:
            all_or_none = fail_on_not_found(call)
            asked = read(call, tenant, latest=max(now, datetime.now(UTC)))
        except Invalid as invalid:
            return error(400, "The request is invalid.", str(invalid))
        ids: list[str] = asked["customerIds"]
        if poisonous := [each for each in ids if each in self._poison]:
            return error(400, "The request is invalid.", f"customerIds: cannot be processed: {', '.join(poisonous)}")
        lists = self._sort(ids)
        missing = lists["notFound"]
        if all_or_none and missing:
            return error(404, "A customer was not found.", f"not in the data warehouse: {', '.join(missing)}")
        if self.none_known_is_404 and missing == ids:
            return error(404, "No valid customer was found.", f"not in the data warehouse: {', '.join(missing)}")
        for each in lists["failedToAccept"]:
            self._fail(each)
        ready = lists["readyForDataErasure"]
        event = self._register(ready, asked["reason"])
        if ready:
            call.did("erasure_queued", event.event_id, ready)
        return Reply.json({"eventId": event.event_id, **lists})

    def _sort(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The reply's four lists. With `everyone`, an id that was never heard of is held from now on."""
        names = ("readyForDataErasure", "notFound", "pendingForDataErasure", "failedToAccept")
        lists: dict[str, list[str]] = {name: [] for name in names}
        pending = self._pending()
        for each in ids:
            if self.everyone:
                self._records.setdefault(each, 1)
            if each in self._failing:
                name = "failedToAccept"
            elif each in pending:
                name = "pendingForDataErasure"
            else:
                name = "readyForDataErasure" if self._records.get(each) else "notFound"
            lists[name].append(each)
        return lists

    def _fail(self, customer_id: str) -> None:
        times = self._failing[customer_id]
        if times == 1:
            del self._failing[customer_id]
        elif times is not None:
            self._failing[customer_id] = times - 1

    # --- the queue ---

    def _register(self, ids: Sequence[str], reason: str) -> Event:
        """An event has a number even if it is about nobody; then there is nothing to carry out."""
        due = self.clock.now() + self.acting
        event = Event(str(uuid.uuid4()), tuple(ids), reason, due, completed=not ids)
        if ids:
            self.events[event.event_id] = event
        return event

    def _pending(self) -> set[str]:
        return {each for event in self.events.values() if not event.completed for each in event.ids}

    def _settle(self) -> None:
        """Carries out what the clock has made due."""
        now = self.clock.now()
        for event in self.events.values():
            if not event.completed and event.due <= now:
                event.completed = True
                # The ids stay known, with nothing: `everyone` must not bring an erased person back.
                self._records |= dict.fromkeys(event.ids, 0)


def error(status: int, user: str, developer: str) -> Reply:
    """The documented error body. It names ids as freely as a vendor's may: nobody should keep or show it whole."""
    return Reply.json({"errorCode": status, "userMessage": user, "developerMessage": developer}, status)


def fail_on_not_found(call: Call) -> bool:
    """The query's one parameter. Raises Invalid for any other query."""
    match call.query:
        case []:
            return False
        case [("failOnNotFound", "true" | "false" as word)]:
            return word == "true"
    raise Invalid("the query may be failOnNotFound, once, true or false")


def read(call: Call, tenant: str, *, latest: datetime) -> dict[str, Any]:
    """The body, checked: `requestedDate` may be `latest` at most. Raises Invalid for anything that is not as it
    should be."""
    media, _, parameters = call.headers.get("Content-Type", "").partition(";")
    if media.strip().lower() != "application/json" or parameters.strip().lower() not in ("", "charset=utf-8"):
        raise Invalid("Content-Type must be application/json")
    try:
        body = json.loads(call.body.decode(), object_pairs_hook=without_repeats)
    except (ValueError, RecursionError):
        raise Invalid("the body must be JSON without a name given twice") from None
    if not isinstance(body, dict):
        raise Invalid("the body must be an object")
    if missing := [name for name in REQUIRED if name not in body]:
        raise Invalid(f"missing: {', '.join(missing)}")
    if unknown := [name for name in body if name not in REQUIRED + OPTIONAL]:
        raise Invalid(f"unknown: {', '.join(unknown)}")
    for name in ("reason", "requestOrigin"):
        if not (isinstance(body[name], str) and body[name].strip()):
            raise Invalid(f"{name} must be text that is not empty")
    if not isinstance(body.get("requestedBy", ""), str):
        raise Invalid("requestedBy must be text")
    if body.get("tenantId", tenant) != tenant:
        raise Invalid("tenantId must be the address's, as text")
    check_ids(body["customerIds"])
    if requested_date(body["requestedDate"]) > latest:
        raise Invalid("requestedDate lies in the future")
    return body


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def check_ids(ids: Any) -> None:
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_IDS:
        raise Invalid(f"customerIds must be a list of 1 to {MOST_IDS}")
    if not all(isinstance(each, str) and each.strip() for each in ids):
        raise Invalid("customerIds must hold texts that are not empty")
    if len(set(ids)) != len(ids):
        raise Invalid("customerIds must not repeat one")


def requested_date(text: Any) -> datetime:
    """`yyyy-MM-dd HH:mm:ss z`; of the zones only those that mean UTC."""
    found = REQUESTED_DATE.fullmatch(text) if isinstance(text, str) else None
    try:
        if found is not None:
            return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise Invalid("requestedDate must be like 2022-02-03 00:00:00 UTC")
