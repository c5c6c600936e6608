"""Handing out a file of the evidence."""

from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext_lazy as _

from compliance.audit.record import actor_of, record
from compliance.vault.seal import Unreadable
from erasure import actions, evidence
from erasure.errors import Unavailable
from erasure.lifecycle import be_newest
from erasure.models import Evidence

_GONE = _("The content of this file has been removed; its size and hash remain.")
_BROKEN = _(
    "The sealed file could not be opened: it was changed, or its key is missing. Check the key ring (KEY_RING)."
)


def download(request: HttpRequest, item: Evidence) -> FileResponse | None:
    """The plain file, always the whole of it: its event has been committed before the first byte leaves. None where it
    cannot be opened, or a backup may have brought it back, which a message tells."""
    try:
        be_newest()
        stream = evidence.open_evidence(item)
    except Unavailable as error:
        messages.error(request, error.text)
        return None
    except (FileNotFoundError, Unreadable) as error:
        gone = isinstance(error, FileNotFoundError)
        messages.error(request, _GONE if gone else _BROKEN)
        return None
    with transaction.atomic(durable=True):
        record(
            actions.EVIDENCE_DOWNLOADED,
            actor=actor_of(request.user),
            case=item.case.reference,
            subject=f"evidence:{item.pk}",
            kind=item.kind,
        )
    response = FileResponse(stream, as_attachment=True, filename=item.name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    return response
