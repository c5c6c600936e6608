"""References never come twice: after a restore the next one lies beyond all that can have been given out."""

from datetime import datetime, timedelta

from django.utils import timezone

from erasure.models import Case, ReferenceCounter

STEP = 1000  # so many are left out at least, and the next one begins a thousand
SAFETY = 10  # times as many as there were lately in a span as long
LATELY = timedelta(days=30)


def leave_out(since: datetime, now: datetime, *, beyond: int = 0) -> tuple[str, str]:
    """Moves the counter of the desk's year on, past what can have been given out after `since`, and past number
    `beyond`; returns the first and the last reference that is left out. Run it in a transaction."""
    year = now.astimezone(timezone.get_default_timezone()).year
    ReferenceCounter.objects.get_or_create(year=year)
    counter = ReferenceCounter.objects.select_for_update().get(year=year)
    lately = Case.objects.filter(created_at__gt=since - LATELY).count()
    expected = int(lately * max(now - since, timedelta(0)) / LATELY)
    least = max(counter.last + STEP + SAFETY * expected, beyond)
    first, counter.last = counter.last + 1, -(-least // STEP) * STEP
    counter.save(update_fields=["last"])
    return _reference(year, first), _reference(year, counter.last)


def _reference(year: int, number: int) -> str:
    return f"DSR-{year}-{number:06d}"
