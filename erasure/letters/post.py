"""Sending letters by e-mail: each is marked before it is sent, so that none goes out twice in silence.

The supervisor of each host calls `look_after`. What the mail server refused, or did not get, is tried again, more and
more rarely, for a day. An attempt of which nobody knows the end, as the mail server gave no answer or the process was
killed, is *unknown*: only a person has the letter sent again, or says that it arrived."""

import logging
import smtplib
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.behind import behind
from compliance.audit.record import record
from compliance.vault.seal import Unreadable
from erasure import actions, evidence
from erasure.alerts.post import beside
from erasure.errors import Conflict
from erasure.lifecycle.shared import case_event
from erasure.models import Case, Letter
from erasure.states import MailState

from .sender import is_mailing

log = logging.getLogger(__name__)

SENDING = timedelta(minutes=10)  # an attempt of which nothing is heard for so long is unknown
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=2), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
AT_ONCE = 100  # letters in one round of one host
UNREACHABLE, REFUSED, UNREADABLE, DEFECT = "mail_unreachable", "mail_refused", "unreadable", "defect"
_SETTLED_BY_HAND = (MailState.UNKNOWN, MailState.FAILED)
_one_round = threading.Lock()


class _NotSent(Exception):
    """The mail server did not get it, and says so or was never reached. `code` says why; `for_good`: no repeat would
    change that."""

    def __init__(self, code: str, *, for_good: bool = False) -> None:
        super().__init__(code)
        self.code, self.for_good = code, for_good


# --- rounds -----------------------------------------------------------------------------------------------------------


def look_after(run: Callable[[Callable[[], None]], None] = beside) -> None:
    """Takes note of attempts whose end nobody knows, and sends what is due. Safe at any time, on any number of hosts.
    `run`: how mails are sent without waiting for them."""
    if behind():
        return
    now = clock.now()
    for letter in Letter.objects.filter(mail=MailState.SENDING, next_at__lte=now).order_by("next_at")[:AT_ONCE]:
        _settle(letter, MailState.UNKNOWN, actions.LETTER_UNKNOWN)
    if Letter.objects.filter(mail=MailState.QUEUED, next_at__lte=now).exists():
        run(_round)


def _round() -> None:
    if not _one_round.acquire(blocking=False):  # the one before is still at it
        return
    try:
        for _number in range(AT_ONCE):
            letter = _claim(clock.now())
            if letter is None:
                return
            _mail(letter)
    finally:
        _one_round.release()


def _claim(now: datetime) -> Letter | None:
    """The next letter that is due and nobody else is at, marked as being sent: committed before anything goes out."""
    with transaction.atomic():
        rows = Letter.objects.select_for_update(of=("self",), skip_locked=True)
        due = rows.filter(mail=MailState.QUEUED, next_at__lte=now).order_by("next_at", "id")
        letter = due.select_related("case__data_key", "evidence__data_key", "evidence__case").first()
        if letter is None:
            return None
        letter.mail, letter.next_at, letter.tries = MailState.SENDING, now + SENDING, letter.tries + 1
        letter.save(update_fields=["mail", "next_at", "tries"])
    return letter


def _mail(letter: Letter) -> None:
    try:
        _hand_over(letter)
    except _NotSent as error:
        _not_sent(letter, error)
    except Exception as error:  # its text may repeat addresses
        log.error("%s: the mail server gave no answer: %s", letter, type(error).__name__)
        _settle(letter, MailState.UNKNOWN, actions.LETTER_UNKNOWN)
    else:
        _settle(letter, MailState.SENT, actions.LETTER_SENT)


def put_in_doubt() -> int:
    """After a restore: e-mails that were still to be sent, or that somebody may have had sent once more, may have gone
    since the backup. Each becomes *unknown*, and is not sent again before somebody says so; returns how many."""
    found = list(Letter.objects.filter(mail__in=[MailState.QUEUED, MailState.SENDING, MailState.FAILED]))
    for letter in found:
        letter.tries += 1  # what an earlier attempt may still report counts no more
        Letter.objects.filter(pk=letter.pk).update(mail=MailState.SENDING, tries=letter.tries, next_at=clock.now())
        _settle(letter, MailState.UNKNOWN, actions.LETTER_UNKNOWN)
    return len(found)


# --- the mail server --------------------------------------------------------------------------------------------------


def _hand_over(letter: Letter) -> None:
    """Raises _NotSent when it surely was not sent; anything else leaves that open."""
    if not is_mailing():  # it was, when this was written: what stands in for a mail server would show or lose it
        log.error("%s: this desk has no mail server any more", letter)
        raise _NotSent(UNREACHABLE)
    message = _message(letter)
    server = get_connection()
    try:
        server.open()
    except Exception as error:  # nothing of the letter has left this host
        log.error("%s: the mail server cannot be reached: %s", letter, type(error).__name__)
        raise _NotSent(UNREACHABLE) from None
    message.connection = server
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(letter, [code for code, _text in error.recipients.values()]) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(letter, [error.smtp_code]) from None
    finally:
        with suppress(Exception):  # it has been sent by then, or not
            server.close()


def _refused(letter: Letter, codes: list[int]) -> _NotSent:
    """A refusal in the 500s is meant for good (RFC 5321, section 4.2.1)."""
    log.error("%s: the mail server refused it: %s", letter, ", ".join(map(str, codes)))
    return _NotSent(REFUSED, for_good=all(500 <= code < 600 for code in codes))


def _message(letter: Letter) -> EmailMessage:
    try:
        mail = letter.unseal("mail")
        with evidence.open_evidence(letter.evidence) as file:
            content = file.read()
    except (Unreadable, OSError) as error:
        log.error("%s could not be opened: %s", letter, type(error).__name__)
        raise _NotSent(UNREADABLE, for_good=True) from None
    # The same number each time: a mailbox that has it already can tell.
    number = f"<{letter.pk}@{parseaddr(settings.LETTERS_FROM)[1].rpartition('@')[2]}>"
    message = EmailMessage(
        mail["subject"],
        mail["body"],
        from_email=settings.LETTERS_FROM,
        to=[mail["to"]],
        headers={"Message-ID": number},
        attachments=[(letter.evidence.name, content, "application/pdf")],
    )
    try:
        message.message()
    except Exception as error:  # a header that cannot be one; its text may repeat it
        log.error("%s cannot be made a mail: %s", letter, type(error).__name__)
        raise _NotSent(DEFECT, for_good=True) from None
    return message


# --- what came of it --------------------------------------------------------------------------------------------------


def _not_sent(letter: Letter, error: _NotSent) -> None:
    now = clock.now()
    if error.for_good or now - (letter.queued_at or now) >= GIVE_UP_AFTER:
        _settle(letter, MailState.FAILED, actions.LETTER_NOT_SENT, code=error.code)
        return
    wait = min(FIRST_RETRY * 2 ** min(letter.tries - 1, 10), LONGEST_RETRY)
    _of_this_try(letter).update(mail=MailState.QUEUED, next_at=now + wait, code=error.code)


def _settle(letter: Letter, state: MailState, action: str, **details: Any) -> None:
    """Ends an attempt, and says so. One that was thought unknown may still turn out; nothing counts for an attempt that
    is not the last."""
    now = clock.now()
    fields: dict[str, Any] = {"mail": state, "next_at": None, "code": details.get("code", "")}
    if state == MailState.SENT:
        fields |= {"sent_at": now, "mail_sealed": None}
    with transaction.atomic():
        case = Case.locked().get(pk=letter.case_id)
        if _of_this_try(letter).exclude(mail=state).update(**fields) == 1:
            details |= {"letter": letter.kind, "tries": letter.tries}
            record(action, actor="system:worker", case=case.reference, subject=str(letter), **details)
            Case.objects.filter(pk=case.pk).update(updated_at=now)


def _of_this_try(letter: Letter) -> Any:
    open_ = (MailState.SENDING, MailState.UNKNOWN)
    return Letter.objects.filter(pk=letter.pk, tries=letter.tries, mail__in=open_)


# --- what people say of it --------------------------------------------------------------------------------------------


def send_again(letter: Letter, *, by: Any) -> None:
    """Has a letter sent by e-mail once more, of which it is not known whether it was, or which was not. Raises
    Conflict for any other."""
    now = clock.now()
    queued = {"mail": MailState.QUEUED, "next_at": now, "queued_at": now, "code": ""}
    _decide(letter, by, actions.LETTER_SENT_AGAIN, queued)


def arrived(letter: Letter, *, by: Any) -> None:
    """Says that the person has such a letter, by e-mail or another way. Raises Conflict as `send_again` does."""
    had = {"mail": MailState.SENT, "sent_at": clock.now(), "mail_sealed": None, "code": ""}
    _decide(letter, by, actions.LETTER_ARRIVED, had)


def _decide(letter: Letter, by: Any, action: str, fields: dict[str, Any]) -> None:
    with transaction.atomic():
        case = Case.locked().get(pk=letter.case_id)
        if Letter.objects.filter(pk=letter.pk, mail__in=_SETTLED_BY_HAND).update(**fields) != 1:
            text = _("This letter does not wait for a decision any more. Nothing was changed.")
            raise Conflict("letter_not_open", text)
        case_event(case, action, by, str(letter), letter=letter.kind)
        Case.objects.filter(pk=case.pk).update(updated_at=clock.now())
