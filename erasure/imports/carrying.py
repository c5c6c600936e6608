"""Opening the rows of a file that was accepted: each in a transaction of its own, in which its number is written down
too. So an import that is cut off goes on behind the last row that was opened, and no row is opened twice."""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from compliance import clock
from compliance.audit.behind import behind
from compliance.audit.record import actor_of
from compliance.vault.seal import Unreadable, destroy, new_key
from erasure import actions, intake, lifecycle
from erasure.errors import Conflict, DeskError, Invalid
from erasure.models import Case, Import, ImportRow
from erasure.states import ImportStatus, RowOutcome

from . import columns, files, keeping
from .judging import Judged, Problem, by_column
from .reading import NotATable

log = logging.getLogger(__name__)
AT_ONCE = 100  # rows that a page opens itself; more are left to a worker
HINT_LASTS = 15  # seconds
HINTED_AT_ONCE = 20
STILL = timedelta(seconds=30)  # without a row after which nobody seems to be at a running import


def accept(kept: Import, *, submits: bool, again: bool = False, leave_out: bool = False) -> None:
    """Whoever uploaded the file wants its right rows opened, and with `submits` submitted for approval. Opens nothing
    yet: `carry_on` does.

    Raises Conflict when it was accepted or discarded before, NotATable when its columns are not fit, or some are not
    known and are not to be left out; and Unavailable as `lifecycle.be_newest` does."""
    lifecycle.be_newest()
    accounts = intake.Accounts.read()
    header = keeping.table_of(kept.content(), accounts).header
    if columns.unknown(columns.places(header, columns.kinds(accounts.kinds))) and not leave_out:
        raise NotATable(_("Some columns are not known. Say that they are to be left out, or rename them."))
    now = clock.now()
    with transaction.atomic():
        fresh = Import.objects.filter(pk=kept.pk, status=ImportStatus.CHECKED)
        language = get_language() or settings.LANGUAGE_CODE
        changes = {"submits": submits, "again": again, "language": language, "moved_at": now}
        if fresh.update(status=ImportStatus.RUNNING, **changes) != 1:
            raise Conflict("wrong_state", _("This import was accepted or discarded before. Nothing was opened now."))
        details = {"rows": kept.rows, "sha256": kept.sha256, "submits": submits}
        keeping.event(kept, actions.IMPORT_STARTED, actor_of(kept.owner), **details)
    kept.refresh_from_db()


def may_open(owner: Any, *, submits: bool) -> bool:
    """Whether this account may (still) open the rows. What a service account may do is for whoever started it to say:
    the command."""
    if not owner.is_active:
        return False
    needed = ["erasure.open_case", "erasure.submit_case"] if submits else ["erasure.open_case"]
    return bool(owner.is_service or (owner.is_staff and owner.has_perms(needed)))


def carry_on(number: uuid.UUID, *, goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Opens what is left of a running import, for as long as `goes_on` says so before each row. False if there is more
    to do; True if all is done, or somebody else is at it, or nothing may be done (`audit.behind`)."""
    if behind():
        return True
    kept = Import.objects.select_related("owner", "data_key").get(pk=number)
    if kept.status != ImportStatus.RUNNING:
        return True
    with override(kept.language):
        try:
            if not may_open(kept.owner, submits=kept.submits):
                finish(kept, stopped=True)
                return True
            rows = keeping.judgement(kept, after=kept.last_row).rows
        except (NotATable, Unreadable) as error:
            log.error("%s cannot go on: %s", kept, type(error).__name__)
            finish(kept, stopped=True)
            return True
        for row in rows:
            if not goes_on():
                return False
            if not _do(kept, row):
                return True
        finish(kept)
    return True


def _do(kept: Import, row: Judged) -> bool:
    """One row. False if this import has moved on without us."""
    with transaction.atomic():
        locked = Import.locked().filter(pk=kept.pk, status=ImportStatus.RUNNING, last_row=kept.last_row).first()
        if locked is None:
            return False
        count = str(_opened(kept, row).outcome)  # the column that counts it
        values = {count: getattr(locked, count) + 1, "last_row": row.number, "moved_at": clock.now()}
        Import.objects.filter(pk=kept.pk).update(**values)
    for name, value in values.items():
        setattr(kept, name, value)
    return True


def _opened(kept: Import, row: Judged) -> ImportRow:
    """Opens a row, if it is right, and writes down what came of it."""
    if row.outcome == RowOutcome.SKIPPED:
        return _skipped(kept, row, row.there)
    problems = row.problems
    if not problems:
        try:
            with transaction.atomic():
                case = intake.open_case(row.opening, by=kept.owner)
                if kept.submits:
                    lifecycle.submit(case, by=kept.owner)
                mark = "" if kept.again else row.mark
                return _written(kept, row, RowOutcome.OPENED, case=case, mark=mark)
        except IntegrityError as error:  # as a rule, somebody has had the same row opened since it was judged
            earlier = ImportRow.objects.filter(mark=row.mark).exclude(mark="").select_related("case").first()
            if earlier and earlier.case:
                return _skipped(kept, row, earlier.case.reference)
            problems = [_defect(kept, row, error)]
        except (OperationalError, InterfaceError):  # the database is away or busy: the row comes again
            raise
        except Conflict as error:
            if error.reference:
                return _skipped(kept, row, error.reference)
            problems = [Problem("", "", error.text)]
        except Invalid as error:  # something has changed since it was judged, such as a vendor account
            problems = [Problem("", pointer.split("/")[1], text) for pointer, text in error.problems]
        except DeskError as error:
            problems = [Problem("", "", error.text)]
        except Exception as error:  # one row must not hold up the others
            problems = [_defect(kept, row, error)]
    told = [[problem.letter, problem.name, problem.text] for problem in problems]
    return _written(kept, row, RowOutcome.WRONG, problems=told)


def _defect(kept: Import, row: Judged, error: Exception) -> Problem:
    """The error's text may be personal."""
    log.error("row %s of %s could not be opened: %s", row.number, kept, type(error).__name__)
    return Problem("", "", _("An error in Erasure Desk: no case was opened for this row. Open it by hand."))


def _skipped(kept: Import, row: Judged, reference: str) -> ImportRow:
    case = Case.objects.filter(reference=reference).first() if reference else None
    told = [["", "", _("Row %(row)s says the same.") % {"row": row.same_as}]] if case is None else []
    return _written(kept, row, RowOutcome.SKIPPED, case=case, problems=told)


def _written(kept: Import, row: Judged, outcome: RowOutcome, **fields: Any) -> ImportRow:
    return ImportRow.objects.create(source=kept, number=row.number, outcome=outcome, **fields)


# --- the end ----------------------------------------------------------------------------------------------------------


def finish(kept: Import, *, stopped: bool = False, by: Any = None, actor: str = "") -> None:
    """Ends a running import: the upload is destroyed, but for the rows that were not opened, which are kept for a day
    under another key. `stopped`: before its last row. `by`, or `actor` where it is no account: who ends it, else its
    owner. What has ended stays as it is."""
    with transaction.atomic():
        locked = Import.locked().filter(pk=kept.pk, status=ImportStatus.RUNNING).first()
        if locked is None:
            return
        rest = _rest(locked)
        upload, now = locked.data_key, clock.now()
        locked.content_sealed = None
        if rest:
            locked.data_key = new_key()
            locked.keep(rest)
        locked.status, locked.stopped = ImportStatus.ENDED, stopped
        locked.ended_at = locked.moved_at = now
        locked.save()
        destroy(upload)
        counts = {"opened": locked.opened, "skipped": locked.skipped, "wrong": locked.wrong}
        left = locked.rows - locked.done
        keeping.event(locked, actions.IMPORT_ENDED, actor or actor_of(by or locked.owner), **counts, left=left)
    kept.refresh_from_db()


def _rest(kept: Import) -> bytes:
    """The file of the rows that are to be mended, and of those that were not reached; empty if there are none, or they
    cannot be read any more."""
    wrong = {row.number: row.problems for row in kept.results.filter(outcome=RowOutcome.WRONG)}
    if not wrong and kept.done == kept.rows:
        return b""
    try:
        table = keeping.table_of(kept.content(), intake.Accounts.read())
    except (NotATable, Unreadable):
        return b""
    rows = []
    for number, cells in table.rows:
        if number in wrong:
            rows.append((cells, by_column(Problem(*problem) for problem in wrong[number])))
        elif number > kept.last_row:
            rows.append((cells, _("Not opened: the import was stopped.")))
    return files.to_mend(table, rows)


# --- workers ----------------------------------------------------------------------------------------------------------


def wake(number: uuid.UUID) -> None:
    """Once the transaction has committed, a hint to the workers that an import has rows to open."""
    # robust: what was committed stands, even if the queue cannot be reached; the sweep makes up for the hint.
    transaction.on_commit(lambda: _hint(number), robust=True)


def heard(number: uuid.UUID) -> None:
    """A worker has taken up the hint: the next one may be made."""
    cache.delete(f"import:{number}")


def wake_still(now: datetime) -> None:
    """Hints for running imports that nobody seems to be at."""
    still = Import.objects.filter(status=ImportStatus.RUNNING, moved_at__lt=now - STILL)
    for number in still.values_list("pk", flat=True)[:HINTED_AT_ONCE]:
        wake(number)


def _hint(number: uuid.UUID) -> None:
    if cache.add(f"import:{number}", True, timeout=HINT_LASTS):
        async_task("erasure.worker.imports.run", str(number), group="imports")
