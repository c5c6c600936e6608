"""What Prometheus is told at `/metrics`: numbers, short names of vendor accounts and hosts, and nothing of any person.

Whoever asks has a token with the scope `metrics:read`, as for the API: it is hashed, expires, is revoked on a page, and
its use is seen. All values come from the database when they are asked for, so that every web process of every host
tells the same, and no process counts for itself."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from compliance import clock
from compliance.audit import anchor, seal
from compliance.audit.behind import behind
from compliance.audit.models import PendingEvent
from compliance.staff import tokens
from compliance.staff.models import Scope
from erasure import vitals
from erasure.alerts import causes
from erasure.backup import last_backup
from erasure.models import CallCount

NAME = "erasure_desk"


def page(request: HttpRequest) -> HttpResponse:
    """GET with `Authorization: Bearer <token>`. 401 without a valid token, 403 without the scope, 503 while the
    database is away."""
    try:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        token = tokens.find(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            return _refused(401, "A token is needed.", {"WWW-Authenticate": "Bearer"})
        if Scope.METRICS_READ not in token.scopes:
            return _refused(403, f"A token with the scope {Scope.METRICS_READ} is needed.")
        registry = CollectorRegistry()
        registry.register(Desk())
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    except Error:
        return _refused(503, "The database cannot be asked.")


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(f"{why}\n", content_type="text/plain", status=status, headers=headers)


class Desk(Collector):
    """Reads everything anew each time that it is collected."""

    def describe(self) -> list[Metric]:
        return []  # else it would be collected once more, only for the names

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        yield InfoMetricFamily(NAME, "The release.", value={"version": version("erasure-desk")})
        yield _gauge(
            "worker_seen_timestamp_seconds",
            "When a worker of this host was last at work.",
            {(host,): at.timestamp() for host, at in vitals.workers().items()},
            "host",
        )
        yield from _vendors(now)
        yield from _trail(now)
        yield from _cases()
        yield from _keys(now)
        yield from _safety()


def _vendors(now: datetime) -> Iterator[Metric]:
    lanes = vitals.lanes()
    yield _gauge(
        "vendor_due_work",
        "Vendor work that is due now.",
        {(lane.vendor.slug,): lane.due for lane in lanes},
        "vendor",
    )
    yield _gauge(
        "vendor_oldest_due_seconds",
        "For how long the oldest due vendor work has waited; 0 without any.",
        {(lane.vendor.slug,): _age(lane.oldest, now) for lane in lanes},
        "vendor",
    )
    yield _gauge(
        "vendor_state",
        "1 for the state that the account is in: working, or why it is paused.",
        {(lane.vendor.slug, state): lane.state == state for lane in lanes for state in vitals.STATES},
        "vendor",
        "state",
    )
    yield _gauge(
        "vendor_failures_in_a_row",
        "Calls that failed since the last good one.",
        {(lane.vendor.slug,): lane.vendor.failures for lane in lanes},
        "vendor",
    )
    asking = {lane.vendor.slug: 0 for lane in lanes}
    asking |= dict(causes.asking().order_by().values_list("vendor__slug").annotate(Count("pk")))
    yield _gauge(
        "vendor_needs_attention",
        "Vendor work that needs a person's attention.",
        {(slug,): count for slug, count in asking.items()},
        "vendor",
    )
    calls = CounterMetricFamily(
        f"{NAME}_vendor_calls", "Calls that have ended, by what came of them.", labels=["vendor", "verdict"]
    )
    for slug, verdict, count in CallCount.objects.values_list("vendor__slug", "verdict", "count"):
        calls.add_metric([slug, verdict], count)
    yield calls


def _trail(now: datetime) -> Iterator[Metric]:
    newest = seal.newest()
    yield _one("trail_unsealed_events", "Events that wait to be sealed.", PendingEvent.objects.count())
    yield _one(
        "trail_oldest_unsealed_seconds",
        "For how long the oldest event has waited to be sealed; 0 if none waits.",
        _age(vitals.oldest_unsealed(), now),
    )
    yield _one("trail_sealed_events", "Events under the newest checkpoint.", newest.size if newest else 0)
    places = [place for place in anchor.standing() if place.configured]
    yield _gauge(
        "trail_anchored_events",
        "Events under the newest checkpoint that this place has.",
        {(place.place,): place.size or 0 for place in places},
        "place",
    )
    yield _gauge(
        "trail_anchored_timestamp_seconds",
        "When this place was last given a checkpoint.",
        {(place.place,): place.at.timestamp() for place in places if place.at},
        "place",
    )
    yield _gauge(
        "trail_anchor_behind",
        "1 if this place has waited for a checkpoint for too long, or holds what cannot be of this log.",
        {(place.place,): place.stale or bool(place.alarm) for place in places},
        "place",
    )


def _cases() -> Iterator[Metric]:
    open_ = {(status,): count for status, count in vitals.cases().items()}
    yield _gauge("cases_open", "Open cases.", open_, "status")
    yield _one("cases_overdue", "Cases that are owed a reply after the last day for it.", vitals.overdue())
    yield _one("cases_at_risk", "Open cases that are foreseen to end too late.", vitals.at_risk())


def _keys(now: datetime) -> Iterator[Metric]:
    try:
        age = _age(vitals.active_key_since(), now)
    except ImproperlyConfigured:
        return
    yield _one("key_active_seconds", "Age of the ring key that wraps new data keys.", age)


def _safety() -> Iterator[Metric]:
    if at := last_backup():
        yield _one("last_backup_timestamp_seconds", "When the newest backup was made.", at.timestamp())
    yield _one(
        "database_put_back", "1 while the database is one put back from a backup: no work is done.", bool(behind())
    )


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{NAME}_{name}", told, value=value)


def _gauge(name: str, told: str, values: Mapping[Any, float], *labels: str) -> Metric:
    """`values`: what the labels say, in their order → the number."""
    family = GaugeMetricFamily(f"{NAME}_{name}", told, labels=labels)
    for said, value in values.items():
        family.add_metric(said, float(value))
    return family
