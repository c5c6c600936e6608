"""The rows that remember what is wrong and what was told: taken up, found due, and marked as told.

All of it happens under the lock of the one AlertMail row, so that hosts take turns. A mail is claimed before it is
sent and marked after: a process that ends in between, or a mail server that is away, leads to a later mail, never to
none. Twice is sent only what was sent just before its process was killed."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from erasure.models import Alert, AlertMail

from .causes import Cause

TELL_AFTER = timedelta(minutes=2)  # what is over by then is told nobody; what comes together stands in one mail
OVER_AFTER = timedelta(minutes=10)  # what comes back before was never over
REMIND_AFTER = timedelta(days=1)
MAIL_EVERY = timedelta(minutes=15)
SENDING = timedelta(minutes=5)  # a mail of which nothing is heard for so long was not sent
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=2), timedelta(hours=1)


@dataclass(frozen=True)
class Mail:
    """What one mail tells: what is `new`, what `lasts`, what is `over`."""

    claim: uuid.UUID
    new: list[Alert] = field(default_factory=list)
    lasts: list[Alert] = field(default_factory=list)
    over: list[Alert] = field(default_factory=list)


def take_up(found: list[Cause], now: datetime, *, mailed: bool) -> Mail | None:
    """Brings the rows up to date, and claims the mail that is due. `mailed`: there is somebody to tell."""
    AlertMail.objects.get_or_create(pk=1, defaults={"next_at": now})
    with transaction.atomic():
        # Nobody waits: a host that is frozen in here must not stop the supervisors of the others.
        mail = AlertMail.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if mail is None:
            return None
        _write(found, now, mailed=mailed, on_its_way=mail.claim is not None and mail.next_at > now)
        if not mailed or mail.next_at > now:
            return None
        rows = list(Alert.objects.select_related("vendor"))
        open_ = [row for row in rows if row.ended_at is None]
        over = [row for row in rows if row.ended_at and row.ended_at <= now - OVER_AFTER]
        new = [row for row in open_ if row.told_at is None]
        due = any(row.begun_at <= now - TELL_AFTER for row in new) or over
        if not due and not any(row.told_at and row.told_at <= now - REMIND_AFTER for row in open_):
            return None
        mail.claim, mail.next_at = uuid.uuid4(), now + SENDING
        mail.save(update_fields=["claim", "next_at"])
        return Mail(mail.claim, new, [row for row in open_ if row.told_at], over)


def _write(found: list[Cause], now: datetime, *, mailed: bool, on_its_way: bool) -> None:
    rows = {row.cause: row for row in Alert.objects.all()}
    for cause in found:
        row = rows.pop(cause.name, None)
        if row is None:
            Alert.objects.create(
                cause=cause.name,
                kind=cause.kind,
                vendor=cause.vendor,
                code=cause.code,
                count=cause.count,
                begun_at=now,
            )
        elif row.count != cause.count or row.ended_at:
            Alert.objects.filter(pk=row.pk).update(count=cause.count, ended_at=None)
    for row in rows.values():
        if not mailed or (row.told_at is None and not on_its_way):
            row.delete()
        elif row.told_at and row.ended_at is None:
            Alert.objects.filter(pk=row.pk).update(ended_at=now)


def sent(mail: Mail, now: datetime) -> None:
    """Marks what the mail has told."""
    with transaction.atomic():
        if not _settle(mail, next_at=now + MAIL_EVERY, tries=0):
            return
        Alert.objects.filter(pk__in=[row.pk for row in (*mail.new, *mail.lasts)]).update(told_at=now)
        for row in mail.over:
            Alert.objects.filter(pk=row.pk, ended_at=row.ended_at).delete()


def failed(mail: Mail, now: datetime) -> None:
    """The same is told later."""
    with transaction.atomic():
        tries = AlertMail.objects.get(pk=1).tries
        wait = min(FIRST_RETRY * 2 ** min(tries, 10), LONGEST_RETRY)
        _settle(mail, next_at=now + wait, tries=tries + 1)


def _settle(mail: Mail, **fields: object) -> bool:
    """False: it took so long that somebody else has begun it anew."""
    return AlertMail.objects.filter(pk=1, claim=mail.claim).update(claim=None, **fields) == 1
