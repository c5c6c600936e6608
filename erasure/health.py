"""For load balancers: is the process alive, and is the desk ready to serve."""

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from compliance.audit import triggers
from compliance.moving.move import moved_away
from compliance.vault.keys import ring


def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers, has the desk's tables and is not one that the desk has moved away from, the trail is
    protected, and the key ring is there; 503 names what is not."""
    failing = []
    try:
        if {model._meta.db_table for model in apps.get_models()} - set(connection.introspection.table_names()):
            failing.append("tables")
        elif moved_away():
            failing.append("moved")
        if triggers.missing(connection):
            failing.append("trail")
    except DatabaseError:
        failing.append("database")
    try:
        ring()
    except ImproperlyConfigured:
        failing.append("key_ring")
    if not settings.EVIDENCE_DIR.parent.is_dir():
        failing.append("evidence_dir")
    return JsonResponse({"status": "failing" if failing else "ok", "failing": failing}, status=503 if failing else 200)


urlpatterns = [path("livez", livez, name="livez"), path("readyz", readyz, name="readyz")]
