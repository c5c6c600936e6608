"""What the panel above the list says: how far the trail is sealed, and how far it is anchored elsewhere."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit import anchor, seal, signing

LATE = timedelta(seconds=60)  # the sealer runs every few seconds


def ago(moment: datetime) -> str:
    """The time since `moment` in words, to its largest unit."""
    now = clock.now()
    if now - moment < timedelta(minutes=1):
        return _("less than a minute ago")
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


def panel() -> dict[str, Any]:
    """For templates/admin/audit/event/panel.html. A handful of queries, none over the whole trail."""
    status = seal.status()
    checkpoint, oldest = status.checkpoint, status.oldest
    size = checkpoint.size if checkpoint else 0
    return {
        "checkpoint": checkpoint,
        "sealed_ago": ago(checkpoint.at) if checkpoint else "",
        "last_index": size - 1,
        "key": next(iter(signing.keys_on_record(checkpoint)), None),  # every key bears the log's name
        "pending": status.pending,
        "refused": status.refused,
        "oldest": oldest,
        "oldest_ago": ago(oldest) if oldest else "",
        "late": oldest is not None and clock.now() - oldest > LATE,
        "places": [
            {
                "kept": place,
                "ago": ago(place.at) if place.at else "",
                "newer": size - (place.size or 0) + status.pending,
            }
            for place in anchor.standing()
        ],
    }
