"""For load balancers and for whoever watches: is the process alive, may it serve, does the desk do its work.

Nobody signs in for these: they tell of each part that it is in order or not, and nothing else. Numbers are in
`metrics`, what is wrong and its cure in `manage.py doctor`. A database that is away is told within seconds: connecting
has a time limit (the settings), and so has each question here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path

from compliance import clock
from compliance.audit import anchor, triggers
from compliance.audit.admin.panel import LATE
from compliance.audit.behind import behind
from compliance.moving.move import moved_away
from compliance.vault import rotation
from compliance.vault.keys import ring
from erasure import metrics, vitals
from erasure.alerts import causes

QUESTION_SECONDS = 3  # for the database to answer one


def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers, has the desk's tables as the code knows them and is not one that the desk has moved away
    from, the trail is protected, the cache keeps what it is given, and the key ring is there; 503 names what is not."""
    failing = []
    try:
        with _impatient():
            if vitals.missing_tables():
                failing.append("tables")
            elif vitals.unapplied():
                failing.append("migrations")
            elif moved_away():
                failing.append("moved")
            if triggers.missing(connection):
                failing.append("trail")
    except Error:
        failing.append("database")
    if not vitals.cache_keeps():
        failing.append("cache")
    if not _has_keys():
        failing.append("key_ring")
    if not settings.EVIDENCE_DIR.parent.is_dir():
        failing.append("evidence_dir")
    return JsonResponse({"status": "failing" if failing else "ok", "failing": failing}, status=503 if failing else 200)


def healthz(request: HttpRequest) -> JsonResponse:
    """Whether the desk does its work, on whatever host: each of `PARTS` is `ok`, `failing`, or `unknown` while the
    database is away. 503 unless all are ok."""
    told = {}
    try:
        with _impatient():
            for name, is_well in PARTS.items():
                told[name] = "ok" if is_well() else "failing"
    except Error:
        told = dict.fromkeys(PARTS, "unknown") | {"database": "failing"}
    well = set(told.values()) == {"ok"}
    return JsonResponse({"status": "ok" if well else "failing", "parts": told}, status=200 if well else 503)


@contextmanager
def _impatient() -> Iterator[None]:
    """Within it, a database server that does not answer soon is an error. SQLite is a file, and has nobody to wait
    for; a transaction would wait for whoever writes."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{QUESTION_SECONDS}s"])
        yield


def _has_keys() -> bool:
    try:
        ring()
    except ImproperlyConfigured:
        return False
    return True


def _is_sealed() -> bool:
    oldest = vitals.oldest_unsealed()
    return oldest is None or clock.now() - oldest <= LATE


def _is_anchored() -> bool:
    """As far as it is to be anchored anywhere: without AUDIT_ANCHOR there is nothing to fall behind."""
    return not any(place.stale or place.alarm for place in anchor.standing())


#: What `healthz` asks, one after the other; more parts are added here.
PARTS: dict[str, Callable[[], bool]] = {
    "database": lambda: not vitals.missing_tables() and not vitals.unapplied(),
    "cache": vitals.cache_keeps,
    "keys": lambda: not rotation.problem(),
    "workers": vitals.workers_are_alive,
    "due_work": lambda: not causes.stalled(clock.now()),
    "trail_protected": lambda: not triggers.missing(connection),
    "trail_sealed": _is_sealed,
    "trail_anchored": _is_anchored,
    "newest_state": lambda: not behind(),
}

urlpatterns = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics.page, name="metrics"),
]
