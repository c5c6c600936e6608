"""The rows that remember what was told, and one person's mail of a day: claimed before it is sent, marked after. A
process that ends in between leads to a later mail, never to none; twice is sent only what was sent just before its
process was killed."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from compliance import clock
from erasure.alerts.board import FIRST_RETRY, LONGEST_RETRY, SENDING
from erasure.models import Reminder, ReminderMail

from .found import Item


def take_up(person: Any, now: datetime) -> uuid.UUID | None:
    """Claims the person's mail of today; None if it was sent, is on its way, or waits to be tried again."""
    ReminderMail.objects.get_or_create(person=person, defaults={"next_at": now})
    with transaction.atomic():
        row = ReminderMail.objects.select_for_update(skip_locked=True).filter(person=person).first()
        if row is None or row.sent_on == clock.today() or row.next_at > now:
            return None
        row.claim, row.next_at = uuid.uuid4(), now + SENDING
        row.save(update_fields=["claim", "next_at"])
        return row.claim


def sent(person: Any, claim: uuid.UUID, items: Sequence[Item], now: datetime) -> None:
    """Remembers what the mail has told."""
    with transaction.atomic():
        if not _settle(person, claim, next_at=now, sent_on=clock.today(), tries=0):
            return
        rows = [Reminder(case=i.case, kind=i.kind, person=person, stage=i.stage, told_at=now) for i in items]
        Reminder.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["case", "kind", "person"],
            update_fields=["stage", "told_at"],
        )


def failed(person: Any, claim: uuid.UUID, now: datetime) -> None:
    """The same is told later."""
    with transaction.atomic():
        tries = ReminderMail.objects.get(person=person).tries
        wait = min(FIRST_RETRY * 2 ** min(tries, 10), LONGEST_RETRY)
        _settle(person, claim, next_at=now + wait, tries=tries + 1)


def _settle(person: Any, claim: uuid.UUID, **fields: object) -> bool:
    """False: it took so long that somebody else has begun it anew."""
    return ReminderMail.objects.filter(person=person, claim=claim).update(claim=None, **fields) == 1
