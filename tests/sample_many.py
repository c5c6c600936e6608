"""What the sample desk holds beside its cases: imports, bulk work, a vendor reference to confirm, locks, queue rows."""

from datetime import timedelta

from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from compliance import clock
from compliance.staff.models import SignInLock
from erasure import bulk, imports
from erasure.models import BulkJob, BulkRow, Call, CallSubTask, Case, Import, SubTask, SubTaskIdentifier, Vendor
from erasure.states import BulkStatus, ImportStatus, SubTaskStatus, Verdict
from tests.erasure.imports.made import csv_bytes
from tests.factories import person

REFERENCE = "E-2026-118"
HEADER = ("kind", "regime", "ground", "received_at", "country", "name", "email", "customer_id", "external_id")
RIGHT = ("erasure", "gdpr", "subject_request", "2026-11-02", "DE")
#: The rows of a file as people make them: right ones, the same person once more, and cells that are wrong.
ROWS = (
    (*RIGHT, "Ada Lovelace", "ada.lovelace@example.org", "C-1000", "crm-1"),
    (*RIGHT, "Sofia Kowalewskaja", "sofia@example.org", "C-2001", "crm-2"),
    (
        "erasure",
        "gdpr",
        "subject_request",
        "2026-11-02",
        "Germany",
        "Sophie Germain",
        "sophie@example.org",
        "",
        "crm-3",
    ),
    ("deletion", "gdpr", "subject_request", "02/11/2026", "DE", "Ida Rhodes", "ida@example", "C-2003", "crm-4"),
    ("export", "gdpr", "subject_request", "2026-11-03", "FR", "Maria Agnesi", "maria@example.org", "", "crm-5"),
)


def fill(cases: dict[str, Case], vendors: dict[str, Vendor]) -> dict[str, object]:
    """By its name, what has pages of its own."""
    root = person("root")
    _share_a_reference([cases["running"], cases["proposal"], cases["held"]], vendors["CDP"])
    SignInLock.objects.create(key=f"user:{person('olive').pk}", since=clock.now(), count=6, until=_soon())
    SignInLock.objects.create(key="address:3f2a", since=clock.now(), count=41, until=_soon())
    return {
        "import-checked": _uploaded(by=root),
        "import-running": _running_import(by=root),
        "import-ended": _ended_import(by=root),
        "bulk-prepared": _prepared("approve", by=root),
        "bulk-export": _prepared("export", by=root),
        "bulk-running": _running_job(by=root),
        "bulk-ended": _ended_job(by=root),
        "queued": _queued(),
        "failed": _task(success=False),
        "succeeded": _task(success=True),
    }


def _soon():
    return clock.now() + timedelta(minutes=10)


def _share_a_reference(cases: list[Case], vendor: Vendor) -> None:
    """The vendor took all of them in one call and says nothing more: somebody confirms what its screen says."""
    works = SubTask.objects.filter(case__in=cases, vendor=vendor)
    works.update(
        status=SubTaskStatus.AWAITING_ATTESTATION,
        step="await_acting",
        sent_at=clock.now(),
        committed_at=clock.now(),
        next_at=clock.now() + timedelta(days=30),
    )
    SubTaskIdentifier.objects.filter(sub_task__in=works).update(reference=REFERENCE)
    now = clock.now()
    sent = Call.objects.create(
        vendor=vendor, step="submit", writes=True, started_at=now, lease_until=now, finished_at=now, verdict=Verdict.OK
    )
    for sub_task in works:
        CallSubTask.objects.create(call=sent, sub_task=sub_task, epoch=1)


# --- imports


def _uploaded(*, by, opened: bool = False) -> Import:
    """With `opened`: another file, of the same people, which has one row in common with the first."""
    rows = [ROWS[0], *((*row[:-1], f"{row[-1]}-a") for row in ROWS[1:])] if opened else ROWS
    return imports.upload(csv_bytes(HEADER, *rows, delimiter=";"), by=by, day_first=None)


def _running_import(*, by) -> Import:
    kept = _uploaded(by=by)
    Import.objects.filter(pk=kept.pk).update(status=ImportStatus.RUNNING, rows=800, opened=310, wrong=2, last_row=313)
    return kept


def _ended_import(*, by) -> Import:
    kept = _uploaded(by=by, opened=True)
    imports.accept(kept, submits=False)
    imports.carry_on(kept.pk)
    return kept


# --- bulk work


def _prepared(deed: str, *, by) -> BulkJob:
    return bulk.prepare(deed, Case.objects.order_by("pk"), by=by)


def _running_job(*, by) -> BulkJob:
    job = _prepared("hold", by=by)
    BulkJob.objects.filter(pk=job.pk).update(status=BulkStatus.RUNNING, started_at=clock.now())
    first = job.rows.filter(result="").order_by("number").values_list("pk", flat=True)[:2]
    BulkRow.objects.filter(pk__in=list(first)).update(result="done", at=clock.now())
    return job


def _ended_job(*, by) -> BulkJob:
    job = bulk.prepare("release", Case.objects.order_by("pk"), by=by)
    bulk.start(job, by=by, given={"note": "The person has proven who they are."})
    return job


# --- what django-q2 keeps


def _queued() -> OrmQ:
    message = {"id": "0" * 32, "name": "lane", "func": "erasure.worker.run_lane", "args": (), "kwargs": {}}
    return OrmQ.objects.create(key="erasure", payload=SignedPackage.dumps(message), lock=clock.now())


def _task(*, success: bool) -> Task:
    now = clock.now()
    return Task.objects.create(
        id=("1" if success else "2") * 32,
        name="lane",
        func="erasure.worker.run_lane",
        started=now - timedelta(seconds=2),
        stopped=now,
        success=success,
        result=None if success else "OperationalError",
    )
