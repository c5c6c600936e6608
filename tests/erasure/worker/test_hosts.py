"""A host is told to be at work only while a worker of it gives signs of life."""

import socket
from datetime import timedelta

import pytest

from compliance import clock
from erasure import vitals
from erasure.models import CallCount, WorkerHost
from erasure.worker import heartbeat, hosts

from .lane import Lane

pytestmark = pytest.mark.django_db


def test_a_host_whose_worker_lives_is_told_with_when_it_was_at_work(monkeypatch):
    monkeypatch.setattr(heartbeat, "age", lambda: 4.0)
    hosts.tell(45.0)
    (host,) = WorkerHost.objects.all()
    assert host.name == socket.gethostname()
    assert timedelta(seconds=3) < clock.now() - host.seen_at
    assert vitals.workers_are_alive()


@pytest.mark.parametrize("age", [None, 46.0])
def test_a_supervisor_whose_workers_are_silent_tells_nothing(monkeypatch, age):
    monkeypatch.setattr(heartbeat, "age", lambda: age)
    hosts.tell(45.0)
    assert not WorkerHost.objects.exists()


def test_a_host_that_was_taken_away_is_forgotten_after_a_week(monkeypatch):
    monkeypatch.setattr(heartbeat, "age", lambda: 1.0)
    for name, days in (("gone", 8), ("away", 6)):
        WorkerHost.objects.create(name=name, seen_at=clock.now() - timedelta(days=days))
    hosts.tell(45.0)
    assert set(vitals.workers()) == {"away", socket.gethostname()}


def test_each_call_that_ends_is_counted_once(lane: Lane):
    lane.case()
    lane.due()
    lane.once()
    assert dict(CallCount.objects.values_list("verdict", "count")) == {"ok": 1}
    lane.due()
    lane.run()
    assert CallCount.objects.get().count == lane.vendor.calls.exclude(verdict="").count()
