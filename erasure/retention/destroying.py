"""The destruction of a case's personal data: its keys, what they sealed, and every fingerprint of the person.

The suppression list has fingerprints under a key of its own, and keeps to its own time. What stays of the case holds no
personal data. In backups that were made before, the data can be read until the key of the key ring under which the
case's key lay is gone (`compliance.vault.rotation`)."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils.timezone import get_default_timezone

from compliance import clock
from compliance.audit.record import record
from compliance.vault import shredded
from compliance.vault.models import DataKey
from compliance.vault.seal import destroy
from erasure import actions, evidence, lifecycle
from erasure.errors import Conflict
from erasure.models import BulkRow, Case, Evidence, Identifier, ImportRow, Shredding, SubTask
from erasure.models.sealed import SealedModel
from erasure.states import ShredReason

from .obstacles import why_not

#: What a sealed field holds once it was destroyed. Not nothing: whoever opens it is told that it was destroyed.
GONE = b""
_AT_ONCE = 500


def shred(case: Case, *, actor: str, why: str, **details: Any) -> bool:
    """Destroys the personal data of a case that has ended; whether there was any. `actor` is a word of the trail, `why`
    a `ShredReason`; `details` go into the event. Raises Conflict, with nothing done, while something is in the way."""
    with transaction.atomic():
        locked = Case.locked().get(pk=case.pk)
        if locked.shredded_at:
            return False
        if reason := why_not(locked, by_hand=True):
            raise Conflict("wrong_state", reason)
        lifecycle.stop_asking(locked)
        counts = _destroy(locked, why)
        record(
            actions.CASE_SHREDDED,
            actor=actor,
            case=locked.reference,
            subject=f"case:{locked.pk}",
            reason=why,
            **counts,
            **details,
        )
        transaction.on_commit(shredded.keep, robust=True)  # what could not be written is listed by the next tick
    return True


def _destroy(case: Case, why: str) -> dict[str, int]:
    """All of it, under the case's lock; returns what an event says of how much it was."""
    now = clock.now()
    files = list(case.evidence.filter(removed_at=None).select_related("data_key"))
    evidence.remove(files)
    destroy(case.data_key)
    for model, column, names in sealed_fields():
        for name in names:
            model._default_manager.filter(**{column: case.pk, f"{name}__isnull": False}).update(**{name: GONE})
    identifiers = Identifier.objects.filter(case=case).update(fingerprint="")
    SubTask.objects.filter(case=case).exclude(attention_text="").update(attention_text="")
    ImportRow.objects.filter(case=case).exclude(mark="").update(mark="")
    gone = {"shred_at": None, "held_at": None, "external_id_fingerprint": "", "shredded_at": now, "updated_at": now}
    Case.objects.filter(pk=case.pk).update(**gone)
    Shredding.objects.update_or_create(case=case, defaults={"at": now, "reason": why})
    return {"identifiers": identifiers, "files": len(files)}


def sealed_fields() -> Iterator[tuple[type[models.Model], str, list[str]]]:
    """Every model whose rows belong to a case and hold sealed fields: the model, the column that names the case, and
    those fields. Bulk work seals under a key of its own, and destroys it when it ends."""
    for model in apps.get_app_config("erasure").get_models():
        names = [field.name for field in model._meta.fields if field.name.endswith("_sealed")]
        column = "pk" if model is Case else "case"
        owns = model is Case or any(field.name == "case" for field in model._meta.fields)
        if issubclass(model, SealedModel) and model is not BulkRow and names and owns:
            yield model, column, names


# --- again ------------------------------------------------------------------------------------------------------------


def shred_again(keys: Mapping[uuid.UUID, datetime], *, actor: str) -> int:
    """After a restore: destroys again what was destroyed when the backup had been made already, by the list of
    destroyed data keys (`vault.shredded.listed()`); returns how many cases and single files that was. A case that the
    backup has open is ended as it stands; what else had one of these keys loses it too. Safe to run twice."""
    count = 0
    left = iter(keys)
    while numbers := list(islice(left, _AT_ONCE)):
        for case in Case.objects.filter(data_key__in=numbers, shredded_at=None).only("pk", "data_key_id"):
            count += _case_again(case, keys[case.data_key_id], actor)
        alone = Evidence.objects.filter(data_key__in=numbers, removed_at=None)
        for item in alone.select_related("case", "data_key"):
            _file_again(item, keys[item._key().pk], actor)
            count += 1
        for key in DataKey.objects.filter(pk__in=numbers, destroyed_at=None):
            destroy(key)
    return count


def count_again(keys: Mapping[uuid.UUID, datetime]) -> int:
    """How many cases and single files `shred_again` would destroy; reads only."""
    count = 0
    left = iter(keys)
    while numbers := list(islice(left, _AT_ONCE)):
        count += Case.objects.filter(data_key__in=numbers, shredded_at=None).count()
        alone = Evidence.objects.filter(data_key__in=numbers, removed_at=None)
        for case_key, gone in alone.values_list("case__data_key_id", "case__shredded_at").iterator():
            count += gone is not None or case_key not in keys  # else it goes with its case
    return count


def _case_again(case: Case, first: datetime, actor: str) -> bool:
    with transaction.atomic():
        locked = Case.locked().get(pk=case.pk)
        if locked.shredded_at:
            return False
        lifecycle.conclude(locked, actor=actor)
        counts = _destroy(locked, ShredReason.RESTORED)
        record(
            actions.CASE_SHREDDED_AGAIN,
            actor=actor,
            case=locked.reference,
            subject=f"case:{locked.pk}",
            first_on=_day(first),
            **counts,
        )
    return True


def _file_again(item: Evidence, first: datetime, actor: str) -> None:
    with transaction.atomic():
        evidence.remove([item])
        record(
            actions.EVIDENCE_EXPIRED_AGAIN,
            actor=actor,
            case=item.case.reference,
            subject=f"evidence:{item.pk}",
            kind=item.kind,
            first_on=_day(first),
        )


def _day(at: datetime) -> str:
    return at.astimezone(get_default_timezone()).date().isoformat()
