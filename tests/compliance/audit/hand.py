"""What somebody does to the trail's tables by hand."""

import uuid
from typing import Any

from django.db import connection

from compliance import clock
from compliance.audit import triggers
from compliance.audit.models import Event, PendingEvent
from compliance.audit.record import canonical_text, leaf_hash, timestamp


def change(statement: str, *values: Any) -> None:
    """As the owner of the database could."""
    connection.check_constraints()  # PostgreSQL alters no table whose foreign keys are still to be checked
    triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
    triggers.install(connection)


def by_hand(**given: Any) -> Event:
    """A pending event inserted as `record` does it, but for what is given; `canonical` is what its columns say."""
    columns = {
        "event_id": uuid.uuid4(),
        "actor": "user:1",
        "action": "test.happened",
        "case": "",
        "subject": "",
    } | given
    at = columns.pop("at", clock.now())
    number, text, hashed = (columns.pop(name, None) for name in ("id", "canonical", "leaf_hash"))
    text = text or canonical_text(at=timestamp(at), details={}, **columns)
    event = Event.objects.create(id=number, at=at, canonical=text, leaf_hash=hashed or leaf_hash(text), **columns)
    PendingEvent.objects.create(event=event)
    return event
