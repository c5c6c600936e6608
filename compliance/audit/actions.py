"""The words of the trail: each action's name, and the sentence that tells people what happened.

A name is stored data: it is never reused for something else, and an old event whose name has gone shows the name."""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .models import Event

#: Action name → its summary template (lazily translated).
ACTIONS: dict[str, Any] = {}
#: Detail name → what people read for one of its stored words; an empty text where the word stands for itself.
LABELS: dict[str, Callable[[str], Any]] = {}

_DETAILS = '"details":'
_read = json.JSONDecoder().raw_decode
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


def action(name: str, summary: Any) -> str:
    """Registers the action `name` ("case.opened") and returns it. `summary` is a gettext_lazy template that may use
    {case}, {subject}, {actor} and the names of the event's details. Raises ValueError for a bad or taken name."""
    if not NAME.fullmatch(name) or len(name) > 80:
        raise ValueError(f"not an action name: {name!r}")
    if name in ACTIONS:
        raise ValueError(f"action registered twice: {name}")
    ACTIONS[name] = summary
    return name


class _Words:
    """What a template asks for, put into words only then."""

    __slots__ = ("_names", "_values")

    def __init__(self, values: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._values, self._names = values, names

    def __getitem__(self, name: str) -> str:
        value = self._values.get(name)
        if type(value) is str and value and name not in LABELS and not self._names:  # most are
            return value
        return _word(name, value, self._names)


def _word(name: str, value: Any, names: Mapping[str, str]) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, str):
        label = LABELS[name](value) if name in LABELS else ""
        return names.get(value) or str(label or value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_word(name, item, names) for item in value)
    return str(value)


def accounts_in(event: "Event") -> set[str]:
    """The accounts that an event names, as `user:<pk>`."""
    try:
        details = event.details.values()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # somebody damaged its text
        details = {}.values()
    words = {event.actor, event.subject, *(value for value in details if isinstance(value, str))}
    return {word for word in words if word.startswith("user:")}


def summarise(event: "Event", names: Mapping[str, str] | None = None) -> str:
    """One sentence for people, in the active language. Not part of what is hashed. `names` are what to show for
    accounts (`record.actor_names`)."""
    template = ACTIONS.get(event.action)
    if template is None:
        return event.action
    words = {"case": event.case, "subject": event.subject, "actor": event.actor}
    return sentence(str(template), event.canonical, words, names or {})


def sentence(
    template: str, canonical: str, words: Mapping[str, str], names: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A translated template, filled with the details of an event's canonical text, and `words`. A text that somebody
    damaged fills nothing: whoever checks it is to get it as it is."""
    try:
        # Its keys are sorted, and nothing before this one can hold a quote.
        details, _end = _read(canonical, canonical.index(_DETAILS) + len(_DETAILS))
        values = {**details, **words}
    except (ValueError, TypeError, RecursionError):
        values = {**words}
    return template.format_map(_Words(values, names))


EXPORTED = action("audit.exported", _("Audit trail exported as {format}: {count} events."))
KEY_ADDED = action("audit.key_added", _("Signing key of the trail put on record: {subject}"))
BACKUP_BEGUN = action("desk.backup_begun", _("A backup is being made"))
BACKUP_FAILED = action("desk.backup_failed", _("The backup could not be made"))
BACKED_UP = action("desk.backed_up", _("Backup made: {tree_size} sealed events, {evidence} evidence files"))
RESTORED = action(
    "desk.restored",
    _(
        "The desk was put back from a backup: its log ends with {tree_size} sealed events, things are lost from "
        "{last_event_at} on; sealed elsewhere were {known_size}. In doubt: {in_doubt} pieces of vendor work, {letters} "
        "letters. References {first_left_out} to {last_left_out} are left out"
    ),
)
DESK_MOVED = action(
    "desk.moved", _("The desk moved to another database; the trail had {size} sealed events with the root {root}")
)
