"""An upload from its coming until what was in it is cases, or is destroyed."""

import hashlib
import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault.seal import destroy, new_key
from erasure import actions
from erasure.errors import Conflict
from erasure.intake import Accounts
from erasure.models import Import
from erasure.states import ImportStatus

from . import columns
from .judging import Judgement, judge
from .reading import NotATable, Table, read

_AT_ONCE = 100


def table_of(content: bytes, accounts: Accounts) -> Table:
    """The table in a file, its header known to be fit. Raises NotATable."""
    known = frozenset(columns.kinds(accounts.kinds))
    table = read(content, lambda title: columns.role_of(title, known)[0] != columns.UNKNOWN)
    columns.places(table.header, known)
    if not table.rows:
        raise NotATable(_("The file has a header and no rows. Nothing was saved."))
    return table


def upload(content: bytes, *, by: Any, day_first: bool | None) -> Import:
    """Keeps a file sealed, to be looked at and accepted by whoever uploads it. Raises NotATable, and then keeps
    nothing."""
    table = table_of(content, Accounts.read())
    now = clock.now()
    with transaction.atomic():
        kept = Import(
            id=uuid.uuid4(),
            owner=by,
            data_key=new_key(),
            sha256=hashlib.sha256(content).hexdigest(),
            rows=len(table.rows),
            day_first=day_first,
            created_at=now,
            moved_at=now,
        )
        kept.keep(content)
        kept.save(force_insert=True)
        event(kept, actions.IMPORT_UPLOADED, actor_of(by), rows=kept.rows, sha256=kept.sha256)
    return kept


def judgement(kept: Import, accounts: Accounts | None = None, *, after: int = 0) -> Judgement:
    """What would come of the rows beyond number `after`. Raises `vault.Unreadable` when they are not kept any more."""
    accounts = accounts or Accounts.read()
    # A file that was taken with other vendor accounts may not be fit any more: NotATable says why.
    table = table_of(kept.content(), accounts)
    return judge(table, accounts, by=kept.owner, day_first=kept.day_first, again=kept.again, after=after)


def discard(kept: Import, *, actor: str) -> None:
    """Destroys what is kept of a file: all of it before it was accepted, the rows to be mended after it has ended.
    Raises Conflict while its rows are being opened."""
    with transaction.atomic():
        locked = Import.locked().get(pk=kept.pk)
        if locked.status == ImportStatus.RUNNING:
            raise Conflict("wrong_state", _("This import is running. Stop it first."))
        if locked.data_key.destroyed_at:
            return
        status = ImportStatus.DISCARDED if locked.status == ImportStatus.CHECKED else locked.status
        Import.objects.filter(pk=locked.pk).update(status=status, content_sealed=None)
        destroy(locked.data_key)
        event(locked, actions.IMPORT_DISCARDED, actor)
    kept.refresh_from_db()


def expire(now: datetime) -> None:
    """Destroys what has been kept for a day. Safe to run at any time, by any number of hosts."""
    kept = Import.objects.filter(data_key__destroyed_at=None, moved_at__lt=now - Import.KEPT)
    for old in kept.exclude(status=ImportStatus.RUNNING).only("pk")[:_AT_ONCE]:
        discard(old, actor="system:worker")


def event(kept: Import, action: str, actor: str, **details: Any) -> None:
    record(action, actor=actor, subject=f"import:{kept.pk}", **details)
