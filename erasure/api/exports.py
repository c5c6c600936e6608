"""How many exports of the trail an account may have over the API. Each leaves an event, and nobody is to fill the trail
by looking at it; an export without an event is not given out."""

from datetime import timedelta

from rest_framework.exceptions import Throttled

from compliance import clock
from compliance.audit.actions import EXPORTED
from compliance.audit.models import Event

MOST, WINDOW = 120, timedelta(minutes=10)


def demand_room(actor: str, action: str = EXPORTED) -> None:
    """Raises Throttled if MOST exports of `actor` (or other events, `action`) are on record within WINDOW. The trail is
    what counts them: a cache forgets. Requests at the same time may exceed it by their number."""
    now = clock.now()
    # Both ends, so that a clock which was ahead for a while locks nobody out.
    recent = Event.objects.filter(action=action, actor=actor, at__gt=now - WINDOW, at__lte=now)
    times = list(recent.order_by("-at").values_list("at", flat=True)[:MOST])
    if len(times) == MOST:
        raise Throttled(wait=(times[-1] + WINDOW - now).total_seconds())
