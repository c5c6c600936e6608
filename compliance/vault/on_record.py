"""The keys of the ring, in the trail."""

from collections.abc import Iterator

from django.db import transaction

from compliance.audit.models import Event
from compliance.audit.record import record

from .actions import KEY_ACTIVATED, KEY_ADDED, KEY_RETIRED
from .keys import Ring, ring


@transaction.atomic
def put_on_record(actor: str) -> None:
    """Tells the trail what has become of the keys in the ring, as far as it does not know it yet. To be called after a
    change of the ring; whoever is killed between the two leaves it to the next call.

    Raises ImproperlyConfigured as `ring` does."""
    told = list(_to_tell(ring()))
    known = Event.objects.filter(case="", subject__in=[subject for _action, subject in told])
    on_record = set(known.values_list("action", "subject"))
    for action, subject in told:
        if (action, subject) not in on_record:
            record(action, actor=actor, subject=subject)


def _to_tell(held: Ring) -> Iterator[tuple[str, str]]:
    for key_id in [*held.retired, *held.keys]:
        yield KEY_ADDED, f"ring_key:{key_id}"
    for key_id, dates in held.dates.items():
        if dates.activated:
            yield KEY_ACTIVATED, f"ring_key:{key_id}"
    for key_id in held.retired:
        yield KEY_RETIRED, f"ring_key:{key_id}"
