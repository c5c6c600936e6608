"""The trail: events that are inserted and never changed, and the log that seals them.

`record.record` is the only writer of events, `seal` of everything else here. Nothing here is ever changed; only a
pending row goes, once its event has a leaf. The database's own triggers hold the same (`triggers`).
"""

import json
import uuid
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnly(Exception):
    """Somebody tried to change or remove an event."""

    def __init__(self) -> None:
        super().__init__("The audit trail is append-only: events are never changed or removed.")


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class Appended(models.Model):
    """A row that is inserted and never changed or removed."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class Event(Appended):
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

    class Meta(Appended.Meta):
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        permissions = [("export_event", "Can export the audit trail")]
        indexes = [
            models.Index(fields=["case", "id"], name="audit_event_case"),
            models.Index(fields=["at"], name="audit_event_at"),
            models.Index(fields=["action", "id"], name="audit_event_action"),
            # Events of no case are few: what is about an account, a vendor, or a case without being of it.
            models.Index(fields=["subject", "id"], condition=models.Q(case=""), name="audit_event_about"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.case}".rstrip()

    @property
    def details(self) -> dict[str, Any]:
        return dict(json.loads(self.canonical)["details"])


class PendingEvent(models.Model):
    """Marks an event that no leaf of the log holds yet. Inserted with the event, removed by the sealer, so that a
    transaction which commits late is not skipped."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, related_name="pending")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"pending {self.pk}"


class Leaf(Appended):
    """An event's place in the log, without a gap from 0. Its hash is the event's `leaf_hash`."""

    index = models.BigIntegerField(_("index"), primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="leaf")

    class Meta(Appended.Meta):
        constraints = [models.CheckConstraint(condition=models.Q(index__gte=0), name="audit_leaf_from_0")]

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Subtree(Appended):
    """The root of a full subtree of 256, 65,536, … leaves (levels 8, 16, …), so that a proof reads a few hundred rows
    however long the log is. `index` counts the subtrees of a level from 0."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta(Appended.Meta):
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="audit_subtree_place")]

    def __str__(self) -> str:
        return f"subtree {self.level}/{self.index}"


class Checkpoint(Appended):
    """The log at one size, signed. `note` is the checkpoint as it is handed out (C2SP tlog-checkpoint, a signed note);
    `frontier` the hashes of its full subtrees, in hex, largest first: with them the next leaf is appended."""

    size = models.BigIntegerField(_("size"), primary_key=True)
    at = models.DateTimeField(_("sealed"))
    root = models.CharField(_("root"), max_length=64)
    frontier = models.TextField()
    note = models.TextField(_("signed checkpoint"))

    class Meta(Appended.Meta):
        get_latest_by = "size"

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class LogKey(Appended):
    """A public key under which checkpoints were signed, oldest first. `name` is the log's name, the same for all."""

    name = models.CharField(max_length=80)
    public_key = models.CharField(max_length=64, unique=True)
    verifier_key = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.verifier_key


class Anchor(Appended):
    """A checkpoint that was sent elsewhere. `place` says where, in words without a secret; `receipt` is what came back,
    such as a time stamp (RFC 3161)."""

    size = models.BigIntegerField(_("size"))
    place = models.CharField(_("where"), max_length=120)
    at = models.DateTimeField(_("when"))
    receipt = models.BinaryField(null=True)

    class Meta(Appended.Meta):
        constraints = [models.UniqueConstraint(fields=["place", "size"], name="audit_anchor_once")]

    def __str__(self) -> str:
        return f"anchor {self.size} {self.place}"
