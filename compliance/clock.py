"""The one clock. Rules read time from here, or are given it: ``clock.now()``, never a bare import of the function, so
that a test which turns the clock turns it for everyone."""

from datetime import UTC, date, datetime

from django.utils import timezone


def now() -> datetime:
    """This moment: aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day it is in the desk's zone (the setting TIME_ZONE), whatever zone a request has activated."""
    return now().astimezone(timezone.get_default_timezone()).date()
