"""What people record of the recipients of a case (GDPR art. 19); `erasure.recipients` reads it."""

import uuid
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, recipients
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Recipient
from erasure.normalise import clean_text
from erasure.states import Channel, NotTold

from .shared import case_event, changing, keep_note

MOST, MAX_NAME = 100, 200


def add_recipient(case: Case, *, by: Any, name: str) -> Recipient:
    """Puts a further recipient into the ledger: one that is no vendor of the case. The name is sealed, as it may be a
    person's. Raises Conflict if the name is there already, or for more than MOST."""
    try:
        name = clean_text(name, max_length=MAX_NAME)
    except ValueError as error:
        raise Invalid([("/name", str(error))]) from None
    if not name:
        raise Invalid([("/name", _("Say who the recipient is."))])
    with changing(case, by) as case:
        there = [line.name.casefold() for line in recipients.lines(case)]
        if name.casefold() in there:
            raise Conflict("already_listed", _("The ledger has this recipient already. Nothing was changed."))
        if len(there) >= MOST:
            text = _("The ledger of a case holds %(most)s recipients. Nothing was changed.")
            raise Conflict("too_many_recipients", text % {"most": MOST})
        return _add(case, by, name)


def add_standing(case: Case, *, by: Any) -> None:
    """Puts those of STANDING_RECIPIENTS into the ledger that it lacks. Runs under the case's lock, once it is approved;
    a case in which nobody has to be told gets none."""
    if not settings.STANDING_RECIPIENTS or not recipients.owed(case):
        return
    there = {line.name.casefold() for line in recipients.lines(case)}
    for name in settings.STANDING_RECIPIENTS:
        if name.casefold() not in there:
            _add(case, by, name)


def told_recipient(
    case: Case, *, by: Any, recipient: str, channel: str, on: date | None = None, note: str = ""
) -> None:
    """Records that a recipient was told, today or `on` a day since receipt. `recipient` is the `key` of a line: the
    slug of a vendor, the id of a further recipient. Raises Conflict if it was told before, or by the desk itself."""
    if channel not in Channel.values:
        raise Invalid([("/channel", _("Choose a channel: %(all)s.") % {"all": ", ".join(Channel.values)})])
    with changing(case, by) as case:
        item, name = _taken_up(case, recipient)
        item.told_on, item.channel, item.why_not = _day(case, on), channel, ""
        item.save()
        noted = keep_note(case, by, note, about=str(item))
        said = {"recipient": name, "channel": channel, "told_on": item.told_on.isoformat()}
        case_event(case, actions.RECIPIENT_TOLD, by, str(item), **said, **noted)


def not_told(case: Case, *, by: Any, recipient: str, why: str, note: str) -> None:
    """Records why a recipient is not told; the note justifies it, and is required. `recipient` and Conflict: as
    `told_recipient`, which may still follow."""
    if why not in NotTold.values:
        raise Invalid([("/why", _("Choose a reason: %(all)s.") % {"all": ", ".join(NotTold.values)})])
    with changing(case, by) as case:
        item, name = _taken_up(case, recipient)
        item.why_not = why
        item.save()
        if not (noted := keep_note(case, by, note, about=str(item))):
            raise Invalid([("/note", _("Justify in a note why this recipient is not told."))])
        case_event(case, actions.RECIPIENT_NOT_TOLD, by, str(item), recipient=name, why_not=why, **noted)


def _add(case: Case, by: Any, name: str) -> Recipient:
    recipient = Recipient(id=uuid.uuid4(), case=case, created_at=clock.now())
    recipient.seal("name", name)
    recipient.save(force_insert=True)
    case_event(case, actions.RECIPIENT_ADDED, by, f"recipient:{recipient.pk}")
    return recipient


def _taken_up(case: Case, key: str) -> tuple[Recipient, str]:
    """The row of a recipient that was not told yet, made for a vendor that has none, and what the trail calls it."""
    line = next((line for line in recipients.lines(case) if line.key == key), None)
    if line is None:
        raise Invalid([("/recipient", _("The ledger of this case has no such recipient."))])
    if not line.may_be_told:
        raise Conflict("already_told", _("This recipient was told before. Nothing was changed."))
    item = line.row or Recipient(id=uuid.uuid4(), case=case, vendor=line.vendor, created_at=clock.now())
    return item, line.vendor.slug if line.vendor else str(item)


def _day(case: Case, given: date | None) -> date:
    today = clock.today()
    if given and given > today:
        raise Invalid([("/on", _("This day is still to come."))])
    if given and given < case.received_on:
        raise Invalid([("/on", _("Nobody can be told before the request came in."))])
    return given or today
