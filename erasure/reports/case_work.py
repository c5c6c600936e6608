"""Of a case's document: what each vendor was asked, what it answered, and how well that is proven."""

import re
from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit.models import Event
from erasure import actions, planning
from erasure.connectors import REGISTRY
from erasure.models import SubTask, SubTaskIdentifier
from erasure.states import (
    CLAIMABLE,
    Assurance,
    Attention,
    Held,
    Operation,
    Outcome,
    RevisionStatus,
    SubTaskStatus,
)

from . import steps
from .reading import Reading, moment, number
from .typeset import Block, Cell, Column, Facts, Heading, Mono, Paragraph, Table

# A vendor's number that cannot name a person by accident: what the trail takes as one.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")
_NOTHING_SENT = ("discarded", "stopped_before_sending")
_BY_HAND = (actions.WORK_ATTESTED, actions.WORK_PARTLY_ATTESTED, actions.WORK_SEARCHED)
_MOST_LINES = 20  # of one fact


def section(read: Reading) -> Iterator[Block]:
    yield Heading(_("What each vendor was asked, and what came of it"))
    if not read.sub_tasks:
        yield Paragraph(_("No vendor has any part in this case."))
        return
    yield Paragraph(_("One part for each vendor and plan version. What the words mean stands at the end."))
    for sub_task in read.sub_tasks:
        yield from _part(read, sub_task)


def outcomes(read: Reading) -> str:
    """How many identifiers, over all vendors, came to which outcome; empty if there are none."""
    counted = Counter(
        _outcome(sub_task, use)
        for sub_task in read.sub_tasks
        if sub_task.revision.status == RevisionStatus.APPROVED and not sub_task.follows_id
        for use in read.uses[sub_task.pk]
    )
    return ", ".join(f"{word} {count}" for word, count in sorted(counted.items()))


def _part(read: Reading, sub_task: SubTask) -> Iterator[Block]:
    vendor, version = sub_task.vendor, sub_task.revision.number
    yield Heading(_("%(vendor)s, plan version %(number)s") % {"vendor": vendor.name, "number": version}, level=2)
    yield Facts([(label, said) for label, said in _facts(read, sub_task) if said])
    if table := steps.table(sub_task, read.told(f"sub_task:{sub_task.pk}", *steps.TELLING)):
        yield table
    uses = read.uses[sub_task.pk]
    if not uses:
        yield Paragraph(_("No identifier of the person was in this part."))
        return
    columns = [
        Column(_("Identifier"), 9),
        Column(_("Outcome"), 4),
        Column(_("Held"), 2),
        Column(_("Proof level"), 4),
        Column(_("Vendor's number"), 5),
    ]
    shown = columns if any(use.reference for use in uses) else columns[:-1]
    yield Table(shown, [_use(sub_task, use)[: len(shown)] for use in uses])


def _facts(read: Reading, sub_task: SubTask) -> Iterator[tuple[str, Cell]]:
    vendor, subject = sub_task.vendor, f"sub_task:{sub_task.pk}"
    connector = REGISTRY.get(vendor.connector)
    yield _("Vendor account"), f"{vendor.name} ({vendor.slug}), {connector.label if connector else vendor.connector}"
    asked = str(Operation(sub_task.operation).label)
    if sub_task.follows_id:
        yield _("Asked to"), [_("say once more whether anything is held"), Mono(f"sub_task:{sub_task.follows_id}")]
    else:
        yield _("Asked to"), _("%(operation)s, by a person") % {"operation": asked} if sub_task.by_hand else asked
    yield _("How it stands"), [text for text in (_standing(sub_task), planning.reason_text(sub_task.reason)) if text]
    yield _("First sent"), moment(sub_task.sent_at) if sub_task.sent_at else ""
    yield _("First asked to change data"), moment(sub_task.committed_at) if sub_task.committed_at else ""
    yield _("Ended"), moment(sub_task.ended_at) if sub_task.ended_at else ""
    if sub_task.revision.status == RevisionStatus.APPROVED:
        yield _("Proof level of the whole"), str(Assurance(sub_task.assurance).label)
    yield _("Confirmed by hand"), _some([read.done(event) for event in read.told(subject, *_BY_HAND)])
    yield _("Vendor's numbers"), _some([_reference(event) for event in read.told(subject, actions.WORK_REFERENCE)])
    yield _("Counted by the vendor"), ", ".join(f"{name}: {count}" for name, count in sorted(sub_task.counters.items()))
    yield _("Its end, told by event"), ", ".join(str(number(event)) for event in read.told(subject, *steps.ENDS))
    yield _("In the trail"), Mono(subject)


def _reference(event: Event) -> str:
    said = event.details | {"event": number(event)}
    return _("%(name)s: %(number)s (event %(event)s)") % said


def _some(lines: list[str]) -> list[str]:
    left = len(lines) - _MOST_LINES
    more = ngettext("and %(left)s more, in the file", "and %(left)s more, in the file", left) % {"left": left}
    return [*lines[:_MOST_LINES], more] if left > 0 else lines


def _standing(sub_task: SubTask) -> str:
    """Its status, without what changes from one question to the next and is in no event."""
    status = SubTaskStatus(sub_task.status)
    if status in CLAIMABLE or status == SubTaskStatus.RUNNING:
        return _("under way") if sub_task.sent_at else _("approved; nothing has been sent yet")
    if status == SubTaskStatus.NEEDS_ATTENTION:
        code = sub_task.attention_code
        why = Attention(code).label if code in Attention else code
        return _("needs the attention of a person: %(why)s") % {"why": why}
    return str(status.label)


def _use(sub_task: SubTask, use: SubTaskIdentifier) -> list[Cell]:
    return [
        [use.identifier.kind, Mono(f"identifier:{use.identifier_id}")],
        _outcome(sub_task, use),
        str(Held(use.held).label),
        str(Assurance(use.assurance).label),
        Mono(use.reference) if _PLAIN.fullmatch(use.reference) else "",
    ]


def _outcome(sub_task: SubTask, use: SubTaskIdentifier) -> str:
    if sub_task.reason in _NOTHING_SENT and use.outcome in (Outcome.PENDING, Outcome.REFUSED):
        return _("not sent")
    return str(Outcome(use.outcome).label)
