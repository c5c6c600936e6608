"""Of a vendor's part: what was sent and what came of it, by step, as the events tell it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from compliance.audit.models import Event
from erasure import actions
from erasure.connectors.base import BadSettings
from erasure.models import SubTask

from .reading import moment
from .typeset import Cell, Column, Table

#: The ends of a vendor's part.
ENDS = (actions.WORK_DONE, actions.WORK_STOPPED, actions.WORK_SKIPPED, actions.WORK_ATTESTED, actions.WORK_SEARCHED)
#: What tells of a step, or of what came of one that was sent.
TELLING = (
    actions.WORK_SENDING,
    actions.WORK_NOT_DONE,
    actions.WORK_UNKNOWN,
    actions.WORK_WENT_ON,
    actions.WORK_ATTENTION,
    actions.WORK_HANDED_OVER,
    *ENDS,
)


@dataclass
class Count:
    """Of one step. For one that writes, `sent` is the sum of the four after it; one that only asks is never sent, and
    `answered` is how often its answer led on."""

    first: Event
    last: Event
    sent: int = 0
    answered: int = 0
    not_done: int = 0
    unclear: int = 0
    awaited: int = 0


def counted(events: Iterable[Event], last_step: str) -> dict[str, Count]:
    """Step → its count, in the order in which they began. `events` are those of TELLING about one part, oldest first;
    `last_step` is the step that the part stands at.

    One call is under way at a time, and what came of it is the next event. None tells of an answer after which the same
    step goes on: the next sending does, or the end."""
    found: dict[str, Count] = {}
    sent = ""  # the step that was sent and of which no event has told yet

    def of(step: str, event: Event) -> Count:
        count = found.setdefault(step, Count(event, event))
        count.last = event
        return count

    for event in events:
        step = str(event.details.get("step", ""))
        if event.action == actions.WORK_SENDING:
            if sent:
                of(sent, found[sent].last).answered += 1
            of(step, event).sent += 1
            sent = step
            continue
        if event.action == actions.WORK_NOT_DONE:
            of(step, event).not_done += 1
        elif event.action == actions.WORK_UNKNOWN:
            of(step, event).unclear += 1
        elif event.action == actions.WORK_WENT_ON:
            of(step, event).answered += 1
        elif sent and event.action == actions.WORK_ATTENTION:
            of(sent, event).unclear += 1
        elif sent:
            of(sent, event).answered += 1
        elif event.action == actions.WORK_DONE and last_step:
            of(last_step, event).answered += 1
        sent = ""
    if sent:
        found[sent].awaited += 1
    return found


def table(sub_task: SubTask, events: Iterable[Event]) -> Table | None:
    """None if no step was run. Its column of what is awaited is there while something is."""
    counts = counted(events, sub_task.step)
    if not counts:
        return None
    awaits = any(count.awaited for count in counts.values())
    columns = [
        Column(_("Step"), 1),
        Column(_("Sent"), right=True),
        Column(_("Answered"), right=True),
        Column(_("Not done"), right=True),
        Column(_("Unclear"), right=True),
        *([Column(_("Awaited"), right=True)] if awaits else []),
        Column(_("First event")),
        Column(_("Last event")),
    ]
    return Table(columns, [list(_row(sub_task, step, count, awaits)) for step, count in counts.items()])


def words() -> list[tuple[str, str]]:
    """What the columns mean."""
    return [
        (_("Sent"), _("How often it was sent. A step that only asks changes nothing at the vendor.")),
        (_("Answered"), _("The vendor answered, and the work went on or ended.")),
        (_("Not done"), _("It surely was not done: the vendor refused it, or it did not come there.")),
        (_("Unclear"), _("No answer came, or one that a person must look at; it may have been done.")),
        (_("Awaited"), _("No event tells yet what came of it.")),
    ]


def _row(sub_task: SubTask, step: str, count: Count, awaits: bool) -> Iterator[Cell]:
    only_asks = not count.sent
    yield _label(sub_task, step)
    yield _("only asks") if only_asks else str(count.sent)
    yield str(count.answered)
    yield "–" if only_asks else str(count.not_done)
    yield "–" if only_asks else str(count.unclear)
    if awaits:
        yield "–" if only_asks else str(count.awaited)
    yield moment(count.first.at)
    yield moment(count.last.at)


def _label(sub_task: SubTask, step: str) -> str:
    """The connector's words for a step, or its stored name."""
    try:
        known = sub_task.vendor.speaks().step(step)
    except BadSettings:
        known = None
    return str(known.label) if known else step
