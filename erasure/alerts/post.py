"""Sending a mail: in a thread of its own, so that a mail server that hangs holds up nobody."""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import translation

from compliance import clock

from . import board, causes, words

log = logging.getLogger(__name__)


def beside(send: Callable[[], None]) -> None:
    """Does it in a thread of its own."""

    def run() -> None:
        try:
            send()
        except Exception as error:  # the database is away: the mail is sent anew once its time is over
            log.error("mails could not be looked after: %s", type(error).__name__)
        finally:
            connection.close()

    threading.Thread(target=run, name="mail", daemon=True).start()


def look_after(run: Callable[[Callable[[], None]], None] = beside) -> None:
    """Takes up what is wrong now, and sends the mail that is due, if any. Safe at any time, on any number of hosts.
    `run`: how a mail is sent without waiting for it."""
    now = clock.now()
    with translation.override(settings.ALERTS_LANGUAGE):
        mail = board.take_up(causes.now_wrong(now), now, mailed=bool(settings.ALERTS_TO))
        message = mail and EmailMessage(
            words.subject(mail),
            words.body(mail),
            from_email=sender(settings.ALERTS_TO[0] if settings.ALERTS_TO else ""),
            to=settings.ALERTS_TO,
            headers={"Auto-Submitted": "auto-generated"},
        )
    if mail and message:
        run(lambda: _send(mail, message))


def _send(mail: board.Mail, message: EmailMessage) -> None:
    try:
        message.send()
    except Exception as error:  # whatever a mail server does; its answer may repeat addresses
        log.error("the alert mail could not be sent and is tried again: %s", type(error).__name__)
        board.failed(mail, clock.now())
    else:
        board.sent(mail, clock.now())


def sender(told: str) -> str:
    """The account at the mail server, where that is an address; else whoever is told."""
    user = settings.EMAIL_HOST_USER or ""
    return user if "@" in user else told
