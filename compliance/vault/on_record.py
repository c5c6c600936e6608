"""The keys of the ring, in the trail."""

from django.db import transaction

from compliance.audit.models import Event
from compliance.audit.record import record

from .actions import KEY_ADDED
from .keys import ring


@transaction.atomic
def put_on_record(actor: str) -> None:
    """Tells the trail the ids of the keys in the ring that it does not know yet. To be called when a key has come.

    Raises ImproperlyConfigured as `ring` does."""
    for key_id in ring().keys:
        subject = f"ring_key:{key_id}"
        if not Event.objects.filter(action=KEY_ADDED, subject=subject).exists():
            record(KEY_ADDED, actor=actor, subject=subject)
