"""What deserves an alert, and what looks like it and does not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from compliance import clock
from compliance.audit import seal
from erasure import alerts, lifecycle, vendors
from erasure.alerts import causes
from erasure.models import Alert, Call, SubTask, Vendor
from erasure.states import Pause
from tests import factories
from tests.factories import person

from .conftest import Room

LONG = causes.STALLED_AFTER + timedelta(minutes=1)


def kinds(now: datetime | None = None) -> list[tuple[str, int]]:
    return [(str(cause.kind), cause.count) for cause in causes.now_wrong(now or clock.now())]


def test_due_work_that_no_worker_takes_up(room: Room) -> None:
    room.cases(3)
    assert kinds() == []
    assert kinds(room.turn(LONG)) == [("stalled", 3)]
    (told,) = room.passes()
    assert "3 pieces of vendor work have been due for more than 10 minutes and no worker takes them up." in told.body
    assert "`manage.py work`" in told.body


@pytest.mark.parametrize("why", ["called", "paused", "asked to wait", "quota", "held", "disabled", "gathers", "later"])
def test_work_that_waits_for_a_reason_is_not_stalled(room: Room, why: str) -> None:
    (case,) = room.cases(1)
    shop, now = Vendor.objects.filter(pk=room.shop.pk), room.turn(LONG)
    match why:
        case "called":
            started = {"started_at": now, "lease_until": now, "writes": False}
            Call.objects.create(vendor=room.shop, step="x", **started)
        case "paused":
            shop.update(pause=Pause.BY_HAND)
        case "asked to wait":
            shop.update(not_before=now)
        case "quota":
            shop.update(quota_until=now + timedelta(days=2))
        case "held":
            lifecycle.hold(case, by=person("ada"))
        case "disabled":
            shop.update(enabled=False)
        case "gathers":
            shop.update(gather_seconds=3600)
        case "later":
            SubTask.objects.update(next_at=now + timedelta(hours=1))
    assert kinds(now) == []


def test_work_whose_vendor_acts_by_itself_is_not_stalled(room: Room) -> None:
    factories.vendor("CDP", "acquia")
    factories.approved_case(vendors=["cdp"])
    SubTask.objects.update(step="await_acting", status="waiting")
    assert kinds(room.turn(LONG)) == []


def test_ended_cases_ask_for_nothing(room: Room) -> None:
    (case,) = room.cases(1)
    room.stop("refused", [case])
    assert kinds() == [("attention", 1)]
    lifecycle.give_up(case.sub_tasks.get(), by=person("ada"), note="By phone.")
    assert kinds() == []


@pytest.mark.django_db(transaction=True)
def test_a_trail_that_is_not_sealed(
    settings: Any, turn_clock: Callable[[datetime | timedelta], datetime], mailoutbox: list[Any]
) -> None:
    settings.ALERTS_TO = ["it@example.org"]
    turn_clock(timedelta(0))
    factories.vendor()
    seal.seal()
    assert kinds(turn_clock(LONG)) == []
    vendors.save({"name": "Shop search", "enabled": False})
    assert kinds() == []
    room_passes(turn_clock, LONG)
    room_passes(turn_clock, timedelta(minutes=3))
    (told,) = mailoutbox
    assert "1 event of the trail has waited for more than 10 minutes to be sealed." in told.body
    seal.seal()
    room_passes(turn_clock, timedelta(minutes=1))
    room_passes(turn_clock, timedelta(minutes=20))
    assert "* The trail is sealed again" in mailoutbox[-1].body


def room_passes(turn: Callable[[datetime | timedelta], datetime], time: timedelta) -> None:
    turn(time)
    alerts.look_after(run=lambda send: send())


# --- where staff see it


def test_a_line_for_each_cause_stands_in_the_admin(room: Room, client: Any) -> None:
    cases = room.cases(4)
    room.pause()
    room.stop("refused", cases[:3])
    room.look()
    client.force_login(person("vera", "vendor manager"))
    page = client.get(reverse("admin:erasure_alert_changelist")).content.decode()
    assert "3 pieces of vendor work are stopped." in page
    assert f'href="{reverse("admin:erasure_vendor_change", args=[room.shop.pk])}">Open the vendor account</a>' in page
    one = Alert.objects.get(kind="attention")
    assert "the vendor refused" in client.get(reverse("admin:erasure_alert_change", args=[one.pk])).content.decode()
    assert client.post(reverse("admin:erasure_alert_change", args=[one.pk]), {"count": 0}).status_code == 403
    client.force_login(person("nina"))
    assert client.get(reverse("admin:erasure_alert_changelist")).status_code == 403
