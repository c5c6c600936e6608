"""Whom letters come from, and whether they can go out by e-mail."""

from email.utils import parseaddr

from django.conf import settings

from erasure.models import Case
from erasure.normalise import normalise

_NO_SERVER = ("django.core.mail.backends.console.EmailBackend", "django.core.mail.backends.dummy.EmailBackend")


def sender_name() -> str:
    """The name before the address in LETTERS_FROM."""
    return parseaddr(settings.LETTERS_FROM)[0]


def is_mailing() -> bool:
    """Whether this desk has a mail server and an address to send letters from. What is written to a terminal in place
    of a mail server would show people's data there."""
    return bool(settings.LETTERS_FROM) and settings.EMAIL_BACKEND not in _NO_SERVER


def address_of(case: Case) -> str:
    """The reply address of the person, if it is an e-mail address; else nothing. Raises `vault.Unreadable`."""
    given = (case.unseal("requester") or {}).get("reply_to", "")
    try:
        return normalise("email", given).value
    except ValueError:
        return ""
