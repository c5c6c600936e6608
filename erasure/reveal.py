"""Showing a sealed value to a person: it takes a reason, and leaves an event with a keyed hash of that reason."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from compliance.audit.record import actor_of, record
from erasure import actions
from erasure.errors import Invalid
from erasure.lifecycle.shared import be_newest, keep_note
from erasure.models import Case, Identifier


def reveal(what: Identifier | Case, *, by: Any, reason: str) -> Mapping[str, str]:
    """The plain text of an identifier (its kind → its value), or a case's requester and external id (field → text).

    The event has been committed when the value is returned, so this is not to be called within a transaction. Raises
    Invalid without a reason, `vault.Unreadable` when the value cannot be opened, and Unavailable as
    `lifecycle.be_newest` does: a backup may have brought back what was destroyed. Nothing is written then."""
    be_newest()
    if not reason.strip():
        raise Invalid([("/reason", _("A reason is needed: it is kept with the case."))])
    with transaction.atomic(durable=True):
        if isinstance(what, Identifier):
            case, subject = what.case, f"identifier:{what.pk}"
            shown: dict[str, str] = {what.kind: what.value()}
            action, details = actions.IDENTIFIER_REVEALED, {"kind": what.kind}
        else:
            case, subject = what, f"case:{what.pk}"
            shown = dict(case.unseal("requester") or {})
            if external := case.unseal("external_id"):
                shown["external_id"] = external
            action, details = actions.REQUESTER_REVEALED, {}
        noted = keep_note(case, by, reason, about=subject)
        record(action, actor=actor_of(by), case=case.reference, subject=subject, **details, **noted)
    return shown
