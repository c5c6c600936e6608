"""The move itself, in one transaction on each side."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.utils.translation import gettext as _

from compliance.audit import triggers
from compliance.audit.actions import DESK_MOVED
from compliance.audit.models import Event
from compliance.audit.record import record

from . import rows, trail


class NotTheSame(Exception):
    """What arrived is not what was sent. Nothing is left of it."""


@dataclass(frozen=True)
class Moved:
    """`rows` by table, of those that hold any; the trail's size and root are the same on both sides."""

    rows: dict[str, int]
    size: int
    root: str


def move(target: str, at: Callable[[int, float], None]) -> Moved:
    """Copies the desk's SQLite database into the empty tables of `target`, and reads there what arrived. `at` is told
    how many rows are done, and which part of the whole that is.

    For as long as it takes nobody else can write into the desk's database. At the end its trail says that it has moved
    (`moved_away`), and so does the target's. Raises NotTheSame or trail.TrailDamaged, and whatever a database raises:
    then nothing has changed on either side. (Should the very last commit fail, that of the event here, then all of it
    has arrived, and only the mark is missing.)"""
    own = DEFAULT_DB_ALIAS
    with transaction.atomic(own):
        size, root = trail.root(own)
        record(DESK_MOVED, actor="system:command", size=size, root=root)
        models = rows.tables()
        whole = sum(rows.count(own, model) for model in models)
        each = _Steps(at, 2 * whole)
        with transaction.atomic(target):
            sent = {model: rows.copy(own, target, model, each) for model in models}
            for model in models:
                rows.continue_numbers(own, target, model)
            connections[target].check_constraints()
            for model, content in sent.items():
                if rows.content(target, model, each) != content:
                    raise NotTheSame(_("the rows of %s are not the same") % model._meta.db_table)
            if trail.root(target) != (size, root):
                raise NotTheSame(_("the trail has another root"))
            if triggers.missing(connections[target]):
                raise NotTheSame(_("the trail is not protected against changes"))
    with connections[target].cursor() as cursor:
        cursor.execute("ANALYZE")  # plans of the first day as of later ones
    counts = {model._meta.db_table: content.rows for model, content in sent.items() if content.rows}
    return Moved(counts, size, root)


def moved_away() -> str:
    """Why this database is not the desk's any more, in one line; empty if it is."""
    if connection.vendor != "sqlite":
        return ""
    event = Event.objects.filter(action=DESK_MOVED).order_by("id").last()
    if event is None:
        return ""
    return _("This desk was moved to PostgreSQL on %s: set DATABASE_URL. No work is done on what it left behind.") % (
        f"{event.at:%Y-%m-%d %H:%M} UTC"
    )


class _Steps:
    """Counts what is done."""

    def __init__(self, at: Callable[[int, float], None], whole: int) -> None:
        self._at, self._whole, self._done = at, max(whole, 1), 0

    def __call__(self) -> None:
        self._done += 1
        self._at(self._done, self._done / self._whole)
