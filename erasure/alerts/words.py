"""What a mail says: accounts, counts, references and what to do. Nothing of the people whom cases are about."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.language import shown
from erasure import codes
from erasure.models import Alert
from erasure.states import Pause, SubTaskStatus, Trouble

from . import causes
from .board import Mail

REFERENCES = 5  # of the cases that a cause stops, as many are named


def subject(mail: Mail) -> str:
    if mail.new:
        begun, rest = title(mail.new[0]), len(mail.new) - 1
    elif mail.lasts:
        begun, rest = _("still: %(what)s") % {"what": title(mail.lasts[0])}, len(mail.lasts) - 1
    else:
        begun, rest = _("over: %(what)s") % {"what": title(mail.over[0])}, len(mail.over) - 1
    more = ngettext("and %(count)s more", "and %(count)s more", rest) % {"count": rest} if rest else ""
    return f"Erasure Desk: {begun} {more}".strip()


def body(mail: Mail) -> str:
    parts = [
        (_("NEW"), map(_told, mail.new)),
        (_("OVER"), map(_over, mail.over)),
        (_("STILL SO"), map(_told, mail.lasts)),
    ]
    shown = [f"{heading}\n\n{text}" for heading, lines in parts if (text := "\n\n".join(lines))]
    end = _("Each cause is told once, and again after a day while it lasts.")
    return "\n\n\n".join([*shown, f"-- \n{end}\n"])


def title(alert: Alert) -> str:
    match alert.kind:
        case Trouble.PAUSED if alert.code == Pause.FAILURES:
            return _("%(vendor)s is paused after failures") % {"vendor": alert.vendor}
        case Trouble.PAUSED:
            why = Pause(alert.code).label
            return _("%(vendor)s is paused: %(why)s") % {"vendor": alert.vendor, "why": why}
        case Trouble.ATTENTION:
            return _("vendor work at %(vendor)s needs attention: %(why)s") % {
                "vendor": alert.vendor,
                "why": codes.label(alert.code) or alert.code,
            }
    return str(Trouble(alert.kind).label)


def _told(alert: Alert) -> str:
    since = _("since %(at)s") % {"at": _at(alert.begun_at)}
    where = link(way_out(alert))
    return "\n".join(filter(None, (f"* {title(alert)} ({since})", *details(alert), where)))


def _over(alert: Alert) -> str:
    match alert.kind:
        case Trouble.PAUSED if alert.vendor and not alert.vendor.enabled:
            text = _("%(vendor)s is disabled now") % {"vendor": alert.vendor}
        case Trouble.PAUSED if alert.vendor and alert.vendor.pause:
            why = Pause(alert.vendor.pause).label
            text = _("%(vendor)s is now paused for another reason: %(why)s") % {"vendor": alert.vendor, "why": why}
        case Trouble.PAUSED:
            text = _("%(vendor)s works again") % {"vendor": alert.vendor}
        case Trouble.ATTENTION:
            text = _("%(vendor)s: nothing needs attention any more") % {"vendor": alert.vendor}
        case Trouble.STALLED:
            text = _("Due work is taken up again")
        case Trouble.LETTERS:
            text = _("No letter waits for a decision any more")
        case Trouble.ESCALATED:
            text = _("There is somebody who may go on with what is due soon")
        case _:
            text = _("The trail is sealed again")
    spans = {"begun": _at(alert.begun_at), "ended": _at(alert.ended_at or alert.begun_at)}
    when = _("%(begun)s to %(ended)s") % spans
    return f"* {text} ({title(alert)}, {when})"


def _at(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M %Z}"


# --- what it means, and what to do ------------------------------------------------------------------------------------


def _paused(alert: Alert) -> Iterable[str]:
    assert alert.vendor
    text = ngettext(
        "%(count)s piece of vendor work waits for it; nothing is lost.",
        "%(count)s pieces of vendor work wait for it; nothing is lost.",
        alert.count,
    )
    yield text % {"count": alert.count}
    yield shown(alert.vendor.pause_note) if alert.vendor.pause == alert.code else ""
    if alert.code == Pause.CREDENTIALS:
        yield _("Correct the account's settings or credentials on its page: it goes on by itself then.")
    else:
        yield _("It is tried with one call now and then and goes on by itself. If this lasts, ask the vendor.")


def _asking(alert: Alert) -> Iterable[str]:
    found = causes.asking().filter(vendor=alert.vendor, attention_code=alert.code)
    cases = found.order_by("case__reference").values_list("case__reference", flat=True).distinct()[: REFERENCES + 1]
    text = ngettext(
        "%(count)s piece of vendor work: %(cases)s", "%(count)s pieces of vendor work: %(cases)s", alert.count
    )
    named = ", ".join([*cases[:REFERENCES], *(["…"] if len(cases) > REFERENCES else [])])
    yield text % {"count": alert.count, "cases": named}
    yield _("Each case's page says what happened, whether anything was done at the vendor, and what to do.")


def _stalled(alert: Alert) -> Iterable[str]:
    text = ngettext(
        "%(count)s piece of vendor work has been due for more than %(minutes)s minutes and no worker takes it up.",
        "%(count)s pieces of vendor work have been due for more than %(minutes)s minutes and no worker takes them up.",
        alert.count,
    )
    yield text % {"count": alert.count, "minutes": causes.STALLED_AFTER.seconds // 60}
    yield _("See whether `manage.py work` runs on each host, and what its log says.")


def _unsealed(alert: Alert) -> Iterable[str]:
    text = ngettext(
        "%(count)s event of the trail has waited for more than %(minutes)s minutes to be sealed.",
        "%(count)s events of the trail have waited for more than %(minutes)s minutes to be sealed.",
        alert.count,
    )
    yield text % {"count": alert.count, "minutes": causes.UNSEALED_AFTER.seconds // 60}
    yield _("The log of `manage.py work` says why; docs/trail.md, “When sealing stops”, what to do.")


def _letters(alert: Alert) -> Iterable[str]:
    found = causes.unsent().order_by("case__reference").values_list("case__reference", flat=True)
    cases = found.distinct()[: REFERENCES + 1]
    text = ngettext(
        "%(count)s letter was not sent by e-mail, or perhaps was: %(cases)s",
        "%(count)s letters were not sent by e-mail, or perhaps were: %(cases)s",
        alert.count,
    )
    named = ", ".join([*cases[:REFERENCES], *(["…"] if len(cases) > REFERENCES else [])])
    yield text % {"count": alert.count, "cases": named}
    yield _("On each case's page: have it sent again, or say that it has arrived.")


def _nobody(alert: Alert) -> Iterable[str]:
    text = ngettext(
        "%(count)s case is due soon, and everybody who may approve has opened or changed it, or is away.",
        "%(count)s cases are due soon, and everybody who may approve has opened or changed them, or is away.",
        alert.count,
    )
    yield text % {"count": alert.count}
    yield _("Give another person a role that approves, or see who can come back. The time to reply runs on.")


_DETAILS = {
    Trouble.PAUSED: _paused,
    Trouble.ATTENTION: _asking,
    Trouble.STALLED: _stalled,
    Trouble.UNSEALED: _unsealed,
    Trouble.LETTERS: _letters,
    Trouble.ESCALATED: _nobody,
}


def details(alert: Alert) -> Iterable[str]:
    """What an open alert means and what to do, in sentences."""
    return _DETAILS[Trouble(alert.kind)](alert)


def way_out(alert: Alert) -> str:
    """The path of the page where somebody can do something about it; empty where that is none of the desk's."""
    match alert.kind:
        case Trouble.PAUSED:
            return reverse("admin:erasure_vendor_change", args=[alert.vendor_id])
        case Trouble.ATTENTION:
            asked = {"status__exact": str(SubTaskStatus.NEEDS_ATTENTION), "vendor__id__exact": str(alert.vendor_id)}
            return f"{reverse('admin:erasure_subtask_changelist')}?{urlencode(asked)}"
        case Trouble.ESCALATED:
            return f"{reverse('admin:erasure_case_changelist')}?queue=escalated"
    return ""


def link(path: str) -> str:
    """The address of a page, if it is known where the desk is: at the first origin that is trusted to post to it."""
    base = next((origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin), "")
    return f"{base}{path}" if base and path else ""
