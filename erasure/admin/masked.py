"""Identifiers as staff see them before they are revealed, also inside the calls that a plan would make."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlsplit

from django.utils.translation import gettext as _

from compliance.vault.seal import NOT_OPENED
from erasure import planning
from erasure.connectors.base import BadSettings, Connector, VendorError
from erasure.models import Identifier, SubTask, SubTaskIdentifier
from erasure.normalise import mask

HIDDEN = "•••"


def masked(identifier: Identifier) -> str:
    """An identifier's masked value; in words that it was destroyed, or cannot be opened."""
    try:
        return mask(identifier.kind, identifier.value())
    except NOT_OPENED:
        return _("destroyed") if identifier.case.shredded_at else _("cannot be opened")


@dataclass(frozen=True)
class ShownCall:
    """A call that would be made, fit to be shown."""

    method: str
    address: str
    query: Mapping[str, str]
    content_type: str
    body: str


def first_call(sub_task: SubTask, uses: Sequence[SubTaskIdentifier] | None = None) -> ShownCall | str | None:
    """The first call of a planned sub-task with its identifiers masked (`uses`, where they are fetched); a sentence why
    it cannot be shown; None if there is none. A query value that is not recognised as an identifier is hidden
    altogether."""
    try:
        if sub_task.case.shredded_at:
            return _("The personal data was destroyed, so what was sent cannot be shown.")
        call = planning.first_call(sub_task, uses)
        if call is None:
            return None
        connector = sub_task.vendor.speaks()
        masks: dict[str, str] = {}
        for use in sub_task.identifiers.all() if uses is None else uses:
            masks |= _forms(connector, use.identifier.kind, use.identifier.value())
    except (VendorError, BadSettings) as error:
        return str(error)
    except NOT_OPENED:
        return _("The sealed identifiers could not be opened. Check the key ring (KEY_RING).")
    parts = urlsplit(call.url)
    return ShownCall(
        method=call.method,
        address=_substitute(f"{parts.scheme}://{parts.netloc}{parts.path}", masks),
        query={key: masks.get(value, HIDDEN) for key, value in call.query.items()},
        content_type=call.content_type or "",
        body=_substitute(call.body, masks),
    )


def _forms(connector: Connector, kind: str, value: str) -> dict[str, str]:
    """Every text in which a value may appear in a call → what to show in its place."""
    shown = mask(kind, value)
    plain = {value, value.lower(), value.upper()}
    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in plain}
    sent = connector.as_sent(kind, value)
    known = dict.fromkeys(plain, shown) | dict.fromkeys(hashes, _("SHA-256 of %(value)s") % {"value": shown})
    known.setdefault(sent, mask(kind, sent))
    for text, instead in list(known.items()):
        known |= dict.fromkeys((quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]), instead)
    return known


def _substitute(text: str, masks: Mapping[str, str]) -> str:
    for known in sorted(masks, key=len, reverse=True):
        text = text.replace(known, masks[known])
    return text
