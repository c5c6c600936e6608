from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from compliance import clock


def test_now_is_aware_and_in_utc():
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", date(2026, 11, 22)), ("America/New_York", date(2026, 11, 21))]
)
def test_today_is_the_day_in_the_desks_zone(settings, monkeypatch, zone, day):
    settings.TIME_ZONE = zone
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
    assert clock.today() == day


def test_today_does_not_follow_the_zone_a_request_has_activated(settings, monkeypatch):
    settings.TIME_ZONE = "UTC"
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
    with timezone.override("Pacific/Auckland"):
        assert clock.today() == date(2026, 11, 21)
