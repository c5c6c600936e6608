"""The trail: events that are inserted and never changed. `record.record` is the only writer."""

import json
import uuid
from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnly(Exception):
    """Somebody tried to change or remove an event."""

    def __init__(self) -> None:
        super().__init__("The audit trail is append-only: events are never changed or removed.")


class EventQuerySet(models.QuerySet["Event"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class Event(models.Model):
    """One thing that happened. `canonical` is the exact text that is hashed and later sealed; the other columns repeat
    what it says so that the database can search it.

    There is no foreign key to anything: an event must outlive what it speaks of, and holds opaque references only."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(_("event"), unique=True, default=uuid.uuid4)
    at = models.DateTimeField(_("time"))
    actor = models.CharField(_("by"), max_length=80)
    action = models.CharField(_("action"), max_length=80)
    case = models.CharField(_("case"), max_length=40, blank=True, default="")
    subject = models.CharField(_("about"), max_length=120, blank=True, default="")
    canonical = models.TextField(_("canonical text"))
    leaf_hash = models.CharField(_("leaf hash"), max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = ("view",)
        permissions = [("export_event", "Can export the audit trail")]
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["case", "id"], name="audit_event_case"),
            models.Index(fields=["at"], name="audit_event_at"),
            models.Index(fields=["action", "id"], name="audit_event_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.case}".rstrip()

    @property
    def details(self) -> dict[str, Any]:
        return dict(json.loads(self.canonical)["details"])

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class PendingEvent(models.Model):
    """Marks an event that no leaf of the log holds yet. Inserted with the event, removed by the sealer, so that a
    transaction which commits late is not skipped."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, related_name="pending")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"pending {self.pk}"
