"""Sending the mails: in a thread of its own, so that a mail server that hangs holds up nobody."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation

from compliance import clock
from erasure.alerts.post import beside, sender

from . import board, found, words
from .escalation import escalate
from .found import Item

log = logging.getLogger(__name__)
FAILURES = 3  # in a row: the mail server is away, and the others are told with the next round


def look_after(run: Callable[[Callable[[], None]], None] = beside) -> None:
    """Sends each person who is to be told of something their mail of the day, if it was not sent yet. Safe at any time,
    on any number of hosts. Nothing is sent where no mail server was set. `run`: how without waiting for it."""
    if not settings.MAIL_IS_SET:
        return
    escalate()  # so that it stands in the mail of the same day
    told = {person: items for person, items in found.look().items() if person.email}
    if told:
        run(lambda: _send_all(told))


def _send_all(told: Mapping[Any, Sequence[Item]]) -> None:
    failures = 0
    for person, items in told.items():
        if (claim := board.take_up(person, clock.now())) is None:
            continue
        try:
            _message(person, items).send()
        except Exception as error:  # whatever a mail server does; its answer may repeat addresses
            log.error("a reminder could not be sent and is tried again: %s", type(error).__name__)
            board.failed(person, claim, clock.now())
            failures += 1
            if failures == FAILURES:
                return
        else:
            board.sent(person, claim, items, clock.now())
            failures = 0


def _message(person: Any, items: Sequence[Item]) -> EmailMessage:
    with translation.override(settings.ALERTS_LANGUAGE):
        return EmailMessage(
            words.subject(items),
            words.body(items),
            from_email=sender(person.email),
            to=[person.email],
            headers={"Auto-Submitted": "auto-generated"},
        )
