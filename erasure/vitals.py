"""How the desk itself is, in numbers and moments: what health, metrics and the doctor tell, each in its own words.

No question here takes longer because there are more ended cases."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.cache import cache as shared
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Min

from compliance import clock
from compliance.audit.models import PendingEvent
from erasure import lifecycle
from erasure.models import Case, SubTask, Vendor, WorkerHost
from erasure.states import CLAIMABLE, OPEN, CaseStatus, Pause
from erasure.worker.hosts import ALIVE

#: The sealer runs every three seconds.
SEALED_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Lane:
    """A vendor account in use: how much of its work is due, and since when the oldest of it."""

    vendor: Vendor
    due: int
    oldest: datetime | None

    @property
    def state(self) -> str:
        """`working`, or why it is paused: a word of `Pause`."""
        return self.vendor.pause or "working"


STATES = ("working", *Pause.values)


def lanes() -> list[Lane]:
    """Of every account that is in use, by name. What waits for a person, or is on hold, is not due."""
    due = SubTask.objects.filter(
        lifecycle.goes_on(), status__in=CLAIMABLE, next_at__lte=clock.now(), case__held_at=None, vendor__enabled=True
    ).exclude(lifecycle.acting_unasked())
    counted = due.order_by().values_list("vendor").annotate(Count("pk"), Min("next_at"))
    found = {pk: (count, oldest) for pk, count, oldest in counted}
    accounts = Vendor.objects.filter(enabled=True).defer("credentials_sealed", "token_sealed")
    return [Lane(vendor, *found.get(vendor.pk, (0, None))) for vendor in accounts]


def workers() -> dict[str, datetime]:
    """Each host on which a worker was at work within the last week → when it was last."""
    return dict(WorkerHost.objects.order_by("name").values_list("name", "seen_at"))


def workers_are_alive() -> bool:
    """Whether a worker of any host was at work a moment ago."""
    return WorkerHost.objects.filter(seen_at__gt=clock.now() - ALIVE).exists()


def oldest_unsealed() -> datetime | None:
    """Since when the oldest event waits to be sealed; None if none does."""
    at: datetime | None = PendingEvent.objects.aggregate(at=Min("event__at"))["at"]
    return at


def cases() -> dict[str, int]:
    """How many open cases there are in each status."""
    open_ = Case.objects.filter(closed_at=None, status__in=OPEN).order_by()
    counted = dict(open_.values_list("status").annotate(Count("pk")))
    return {status: counted.get(status, 0) for status in CaseStatus.values if status in OPEN}


def overdue() -> int:
    """Cases that are owed a reply, and the last day for it is over."""
    return Case.objects.filter(Case.unanswered(), due_on__lt=clock.today()).count()


def at_risk() -> int:
    """Open cases of which it is foreseen that the work ends too late for the reply."""
    return Case.objects.filter(Case.unanswered(), closed_at=None, at_risk=True).count()


# --- what it stands on ------------------------------------------------------------------------------------------------


def missing_tables() -> set[str]:
    return {model._meta.db_table for model in apps.get_models()} - set(connection.introspection.table_names())


def unapplied() -> list[str]:
    """The migrations that the code has and the database has not, as `erasure.0020_install`. One query."""
    return sorted(".".join(key) for key in _migrations() - set(MigrationRecorder(connection).applied_migrations()))


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    return frozenset(key for key, each in MigrationLoader(None).disk_migrations.items() if not each.replaces)


def cache_keeps() -> bool:
    """Whether the cache gives back what it was given. Its place may be away: then whatever it raises is a no."""
    key = f"vitals:{uuid.uuid4()}"
    try:
        shared.set(key, True, 60)
        found = shared.get(key) is True
        shared.delete(key)
    except Exception:
        return False
    return found


def active_key_since() -> datetime:
    """When the ring key that wraps new data keys was made. Raises ImproperlyConfigured."""
    try:
        ring = json.loads(Path(settings.KEY_RING).read_text())
        return datetime.fromisoformat(ring["keys"][ring["active"]]["created"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ImproperlyConfigured("KEY_RING: the ring does not say how old its key is.") from None
