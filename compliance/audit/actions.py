"""The words of the trail: each action's name, and the sentence that tells people what happened.

A name is stored data: it is never reused for something else, and an old event whose name has gone shows the name."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .models import Event

#: Action name → its summary template (lazily translated).
ACTIONS: dict[str, Any] = {}
#: Detail name → what people read for one of its stored words; an empty text where the word stands for itself.
LABELS: dict[str, Callable[[str], Any]] = {}

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


def action(name: str, summary: Any) -> str:
    """Registers the action `name` ("case.opened") and returns it. `summary` is a gettext_lazy template that may use
    {case}, {subject}, {actor} and the names of the event's details. Raises ValueError for a bad or taken name."""
    if not _NAME.fullmatch(name) or len(name) > 80:
        raise ValueError(f"not an action name: {name!r}")
    if name in ACTIONS:
        raise ValueError(f"action registered twice: {name}")
    ACTIONS[name] = summary
    return name


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "—"


def _word(name: str, value: Any, names: Mapping[str, str]) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_word(name, item, names) for item in value)
    if isinstance(value, str):
        label = LABELS[name](value) if name in LABELS else ""
        return names.get(value) or str(label or value)
    return str(value)


def accounts_in(event: "Event") -> set[str]:
    """The accounts that an event names, as `user:<pk>`."""
    words = {event.actor, *(value for value in event.details.values() if isinstance(value, str))}
    return {word for word in words if word.startswith("user:")}


def summarise(event: "Event", names: Mapping[str, str] | None = None) -> str:
    """One sentence for people, in the active language. Not part of what is hashed. `names` are what to show for
    accounts (`record.actor_names`)."""
    template = ACTIONS.get(event.action)
    if template is None:
        return event.action
    values: Mapping[str, Any] = event.details | {"case": event.case, "subject": event.subject, "actor": event.actor}
    words = {name: _word(name, value, names or {}) for name, value in values.items()}
    return str(template).format_map(_Words(words))


EXPORTED = action("audit.exported", _("Audit trail exported as {format}: {count} events."))
