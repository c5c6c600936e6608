"""Everything that a report says of one case, read once: its rows, and its events in the order of the log.

Nothing sealed is read, so a report can be made alike after the personal data of its case has been destroyed."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from compliance.audit import seal
from compliance.audit.actions import accounts_in, summarise
from compliance.audit.models import Checkpoint, Event, PendingEvent
from compliance.audit.record import actor_names
from erasure.models import Case, Evidence, Identifier, PlanRevision, SubTask, SubTaskIdentifier


def sealed(reference: str) -> tuple[Checkpoint | None, list[Event]]:
    """The events of the case in the order of the log, and the smallest checkpoint that holds them: None while it has
    others that are not sealed."""
    seal.newest_after_sealing()
    events = list(Event.objects.filter(case=reference, leaf__isnull=False).select_related("leaf").order_by("leaf"))
    if not events or PendingEvent.objects.filter(event__case=reference).exists():
        return None, events
    return seal.first_over(events[-1].leaf.index), events


class Reading:
    """One case. `events` are its sealed events, each with its `leaf`; their places in the log are their numbers."""

    def __init__(self, reference: str, events: Sequence[Event]) -> None:
        self.case = (
            Case.objects.prefetch_related("inquiries")
            .select_related("opened_by", "handler", "duplicate_of")
            .defer("requester_sealed", "external_id_sealed")
            .get(reference=reference)
        )
        self.events = list(events)
        self._by_subject: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            self._by_subject[event.subject].append(event)
        self._names = actor_names({event.actor for event in self.events}.union(*map(accounts_in, self.events)))

    # --- rows

    @cached_property
    def identifiers(self) -> list[Identifier]:
        found = self.case.identifiers.select_related("found_by", "added_by").order_by("created_at", "id")
        return list(found.defer("value_sealed", "found_by__credentials_sealed"))

    @cached_property
    def revisions(self) -> list[PlanRevision]:
        return list(self.case.revisions.prefetch_related("parties__person").order_by("number"))

    @cached_property
    def sub_tasks(self) -> list[SubTask]:
        found = self.case.sub_tasks.select_related("vendor", "revision").defer("memory_sealed", "attention_text")
        return list(found.order_by("revision__number", "vendor__name", "by_hand"))

    @cached_property
    def uses(self) -> dict[Any, list[SubTaskIdentifier]]:
        """Sub-task → its identifiers."""
        found: dict[Any, list[SubTaskIdentifier]] = defaultdict(list)
        kinds = {item.pk: item for item in self.identifiers}
        for use in SubTaskIdentifier.objects.filter(sub_task__case=self.case).order_by("id"):
            use.identifier = kinds[use.identifier_id]
            found[use.sub_task_id].append(use)
        return found

    @cached_property
    def evidence(self) -> list[Evidence]:
        return list(self.case.evidence.select_related("sub_task__vendor").order_by("created_at", "id"))

    # --- events

    def told(self, subject: str, *actions: str) -> list[Event]:
        """The events about `subject`, of these actions, oldest first."""
        return [event for event in self._by_subject[subject] if event.action in actions]

    def last(self, subject: str, *actions: str) -> Event | None:
        found = self.told(subject, *actions)
        return found[-1] if found else None

    def of_action(self, *actions: str) -> list[Event]:
        return [event for event in self.events if event.action in actions]

    def by(self, event: Event) -> str:
        """Who did it, by name and by the word of the trail."""
        name = self._names.get(event.actor, event.actor)
        return name if name == event.actor else f"{name} ({event.actor})"

    def what(self, event: Event) -> str:
        return summarise(event, self._names)

    def done(self, event: Event | None) -> str:
        """When, by whom, and which event says so; empty for none."""
        if event is None:
            return ""
        said = {"at": moment(event.at), "who": self.by(event), "number": number(event)}
        return _("%(at)s, %(who)s; event %(number)s") % said


def number(event: Event) -> int:
    """Its place in the log, counted from 0: its `index` in an export."""
    return int(event.leaf.index)


def person(account: Any) -> str:
    """An account by name and by the word of the trail."""
    return f"{account.get_username()} (user:{account.pk})"


def moment(at: datetime) -> str:
    """In UTC, to the second; the reports say so once."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
