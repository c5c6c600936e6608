"""What the codes of a pause or of work that needs attention mean, in a few words. The codes are stored and public; a
connector's own stand beside the engine's (`states.Attention`). The sentence for one piece of work is stored with it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from erasure.states import Attention, Pause

#: The codes of the connectors and of the client. A test holds that each has its words.
_CONNECTORS: dict[str, Any] = {
    "address_not_allowed": _("the vendor's name leads to an address that may not be called"),
    "asked_to_wait": _("the vendor asked to wait"),
    "bad_address": _("the account's address cannot be used"),
    "certificate": _("the vendor's certificate could not be verified"),
    "connection_lost": _("the connection broke before a reply came"),
    "credentials_missing": _("credentials are missing"),
    "credentials_refused": _("the vendor refused the credentials"),
    "credentials_unusable": _("the credentials cannot be sent as they are"),
    "encoded": _("the reply came in an encoding that was not asked for"),
    "file_not_deleted": _("what the vendor listed may not have been deleted"),
    "file_unreadable": _("a file of the vendor could not be read"),
    "files_offered": _("the vendor offered files that it should not have"),
    "half_reply": _("the reply broke off half-way"),
    "host_not_allowed": _("the vendor's host is not allowed in the settings"),
    "identifier_unusable": _("an identifier cannot be sent to this vendor"),
    "job_belied": _("the vendor says that nobody matched, and its numbers say otherwise"),
    "job_closed": _("the vendor says that the job is complete, though it should not be"),
    "job_failed": _("the vendor's job ended in an error"),
    "job_lost": _("the vendor no longer knows the job"),
    "job_not_closed": _("the vendor's job may not have been closed"),
    "job_short": _("the vendor took fewer identifiers than were sent"),
    "job_still_waiting": _("the vendor's job still waits for data"),
    "key_refused": _("the vendor refused a key"),
    "lists_cut_off": _("a list of the vendor was cut off"),
    "not_accepted": _("the vendor did not accept an identifier"),
    "not_http": _("the reply could not be read"),
    "not_json": _("the reply could not be read"),
    "not_sent": _("no connection to the vendor could be made"),
    "not_text": _("the reply could not be read"),
    "nothing_to_send": _("there is no identifier to send"),
    "number_of_another": _("the vendor gave a number that other work has"),
    "redirected": _("the vendor pointed to another address"),
    "refused_by_vendor": _("the vendor refused the call"),
    "reply_too_large": _("the reply was far too large"),
    "retry_later": _("the vendor could not take it yet"),
    "server_error": _("the vendor had an error of its own"),
    "there_again": _("data is there again"),
    "timeout": _("no reply came in time"),
    "unavailable": _("the vendor cannot take calls now"),
    "unexpected_status": _("the vendor answered in an unknown way"),
    "wrong_content_type": _("the reply was not of the kind it should be"),
}
#: Of the record of a call that may have been made in the time that a restore has lost (`lifecycle.lost`).
_RESTORE: dict[str, Any] = {"restored": _("it may have been sent after the backup that was put back")}
#: Why the e-mail of a letter was not sent.
_LETTERS: dict[str, Any] = {
    "mail_refused": _("the mail server refused it"),
    "mail_unreachable": _("the mail server could not be reached"),
}
_KNOWN: dict[str, Any] = {**_CONNECTORS, **_LETTERS, **_RESTORE, **dict(Attention.choices), **dict(Pause.choices)}
_JOB = _("the vendor's job ended in a way that is not known")


def label(code: str) -> str:
    """The words of a code; empty for one that has none."""
    if code not in _KNOWN and code.startswith("job_"):
        return str(_JOB)
    return str(_KNOWN.get(code, ""))
