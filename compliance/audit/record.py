"""The only writer of the trail."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.transaction import TransactionManagementError

from compliance import clock

from .actions import ACTIONS, NAME
from .models import Event, PendingEvent

# Alphabets too small for an e-mail address or a sentence. None may begin with a sign, so that no cell of an export
# looks like a formula; a detail may not begin with "+" either, as a phone number does.
ACTOR = re.compile(r"(user|system):[A-Za-z0-9_-]{1,60}")
CASE = re.compile(r"|[A-Z][A-Z0-9-]{0,39}")
SUBJECT = re.compile(r"|[a-z][a-z0-9_]{0,39}:[A-Za-z0-9_.-]{1,79}")
_ACCOUNT = re.compile(r"user:([0-9]{1,18})")  # as many digits as an id of the database has for sure
_DETAIL_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DETAIL_TEXT = re.compile(r"(?!\+)[A-Za-z0-9_.:/+\- ]{0,200}")
_LARGEST_NUMBER = 2**53 - 1  # what every JSON reader holds exactly (RFC 8259, section 6)
_COLUMNS = ("event_id", "at", "actor", "action", "case", "subject", "canonical", "leaf_hash")
_APPEND = f"""
    WITH event AS (
        INSERT INTO audit_event ({", ".join(f'"{name}"' for name in _COLUMNS)})
        VALUES ({", ".join("%s" for _name in _COLUMNS)}) RETURNING id
    )
    INSERT INTO audit_pendingevent (event_id) SELECT id FROM event RETURNING event_id
"""  # noqa: S608 - names of our own
LONGEST = 64 * 1024  # characters of canonical text; spreadsheet and CSV readers choke on longer cells


def actor_of(user: Any) -> str:
    """The actor word of an account; one that is a word already, such as `system:command`, stays as it is. Raises
    ValueError for an account that is not stored (an anonymous visitor)."""
    if isinstance(user, str):
        return user
    if user is None or user.pk is None:
        raise ValueError("an event needs an actor: this visitor has no account")
    return f"user:{user.pk}"


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """Actor word → what to show people: the account's name, or the word itself. One query."""
    words = set(actors)
    numbers = [match[1] for match in map(_ACCOUNT.fullmatch, words) if match]
    users = get_user_model()._default_manager.in_bulk(numbers)
    found = {f"user:{pk}": user.get_username() for pk, user in users.items()}
    return {word: found.get(word, word) for word in words}


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, always with microseconds, ending in Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def leaf_hash(canonical: str) -> str:
    """Hex SHA-256 of a zero byte and the text in UTF-8: a leaf of the log (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + canonical.encode()).hexdigest()


def _detail(name: str, value: Any) -> Any:
    """`value` if it is fit for the trail. The complaint never repeats it: it may be the personal data we refuse."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) <= _LARGEST_NUMBER:
            return value
    elif isinstance(value, str):
        if _DETAIL_TEXT.fullmatch(value):
            return value
    elif isinstance(value, list | tuple):
        if any(isinstance(item, list | tuple) for item in value):
            raise ValueError(f"detail {name}: a list in a list has no place in the trail")
        return [_detail(name, item) for item in value]
    raise ValueError(f"detail {name}: only null, true, false, whole numbers, short plain words, and lists of those")


def canonical_text(
    event_id: uuid.UUID, at: str, actor: str, action: str, case: str, subject: str, details: Mapping[str, Any]
) -> str:
    """The one text of an event, which is hashed. Raises ValueError for what is not fit for the trail."""
    words = ("actor", ACTOR, actor), ("action", NAME, action), ("case", CASE, case), ("subject", SUBJECT, subject)
    for name, pattern, text in words:
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise ValueError(f"{name} is not a plain reference")
    if odd := [name for name in details if not _DETAIL_NAME.fullmatch(name)]:
        raise ValueError(f"not a name for a detail: {odd[0]!a}")
    canonical = json.dumps(
        {
            "action": action,
            "actor": actor,
            "at": at,
            "case": case,
            "details": {name: _detail(name, value) for name, value in details.items()},
            "id": str(event_id),
            "subject": subject,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    if len(canonical) > LONGEST:
        raise ValueError(f"too much detail for one event: more than {LONGEST} characters")
    return canonical


def record(action: str, *, actor: str, case: str = "", subject: str = "", **details: Any) -> Event:
    """Writes one event, in the transaction of the change it tells of.

    `actor` is "user:<pk>" (see `actor_of`) or "system:<part>", `case` a case reference, `subject` what the event is
    about ("sub_task:<id>"). Details are None, bool, int, plain text of at most 200 characters, or lists of those.
    Raises ValueError for anything else, before anything is written, and TransactionManagementError outside a
    transaction: an event must stand or fall with its change."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("record() must run in the transaction of the change it tells of")
    if action not in ACTIONS:
        raise ValueError(f"unknown action: {action!r}")
    event_id, at = uuid.uuid4(), clock.now()
    canonical = canonical_text(event_id, timestamp(at), actor, action, case, subject, details)
    event = Event(
        event_id=event_id,
        at=at,
        actor=actor,
        action=action,
        case=case,
        subject=subject,
        canonical=canonical,
        leaf_hash=leaf_hash(canonical),
    )
    _append(event)
    return event


def _append(event: Event) -> None:
    """Inserts an event and the mark that it waits to be sealed. On PostgreSQL, where many write at once, in one
    statement: a third more get through (`make bench`)."""
    if connection.vendor != "postgresql":
        event.save()
        PendingEvent.objects.create(event=event)
        return
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [getattr(event, name) for name in _COLUMNS])
        (event.pk,) = cursor.fetchone()
    event._state.adding, event._state.db = False, connection.alias
