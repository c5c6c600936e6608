"""`manage.py demo --once`: the main job, headless, and an honest exit code."""

import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from compliance.audit import verify
from compliance.audit.actions import summarise
from compliance.audit.models import Event
from erasure import lifecycle, sandbox
from erasure.models import Case, SubTask
from erasure.states import CaseStatus, Outcome, SubTaskStatus

from . import cases, parts

DAYS_PER_SECOND = 1.5
LIMIT_SECONDS = 55


class Failed(Exception):
    """Something is not as it should be; the text says what."""


def run(say: Callable[[str], None]) -> Path:
    """Opens, approves and carries out one case; returns the path of the verified trail. Raises `Failed`."""
    began = time.monotonic()
    parts.fresh_database()
    people = cases.make_people()
    log = Path(settings.DATA_DIR) / "worker.log"
    with sandbox.start(days_per_second=DAYS_PER_SECOND, everyone=True) as running:
        apptus = running["apptus"]
        cases.make_vendors(apptus.url, dict(apptus.credentials))
        say(f"Sandbox vendor Apptus at {apptus.url}; {DAYS_PER_SECOND:g} of its days pass each second.")
        case = cases.open_one(people["intake"], "Eva Example", external_id="crm-991")
        lifecycle.submit(case, by=people["intake"])
        if apptus.journal.entries():
            raise Failed("A vendor was called before the approval.")
        revision = lifecycle.open_revision(case)
        assert revision
        lifecycle.approve(case, by=people["approver"], digest=revision.digest)
        with parts.worker(log):
            _follow(case, say, began, people["approver"])
        effects = [entry.effect for entry in apptus.journal.entries() if entry.effect]
    if effects != ["export_started", "export_fetched", "removal_started"]:
        raise Failed(f"The vendor's journal is not what it should be: {', '.join(effects)}.")
    _outcomes(case, say)
    return _proof(say)


def _follow(case: Case, say: Callable[[str], None], began: float, approver: object) -> None:
    """Prints each event as it happens until the case has ended; confirms the work that only people can do."""
    shown = 0
    while time.monotonic() - began < LIMIT_SECONDS:
        for event in Event.objects.filter(pk__gt=shown).order_by("pk"):
            shown = event.pk
            say(f"{event.at:%H:%M:%S}  {event.actor:<14} {summarise(event)}")
        case.refresh_from_db()
        if not CaseStatus(case.status).is_open:
            return
        for sub_task in case.sub_tasks.filter(status=SubTaskStatus.NEEDS_ATTENTION):
            raise Failed(f"{sub_task.vendor} needs attention: {sub_task.attention_text}")
        machine_done = not case.sub_tasks.filter(by_hand=False).exclude(status=SubTaskStatus.DONE).exists()
        for sub_task in case.sub_tasks.filter(status=SubTaskStatus.AWAITING_ATTESTATION) if machine_done else ():
            lifecycle.attest(sub_task, by=approver, note="The folder was shredded.")
        time.sleep(0.3)
    raise Failed(f"The case has not ended within {LIMIT_SECONDS} s; {settings.DATA_DIR}/worker.log may say why.")


def _outcomes(case: Case, say: Callable[[str], None]) -> None:
    say(f"\n{case.reference} is {CaseStatus(case.status).label}.")
    for sub_task in SubTask.objects.filter(case=case).select_related("vendor"):
        for item in sub_task.identifiers.select_related("identifier"):
            outcome, assurance = Outcome(item.outcome).label, sub_task.get_assurance_display()
            say(f"  {sub_task.vendor.name:<14} {item.identifier.kind:<12} {outcome}, held: {item.held}, {assurance}")
            if item.outcome not in (Outcome.ERASED, Outcome.NOT_HELD):
                raise Failed(f"{sub_task.vendor} ended with the outcome {outcome}.")
    if case.status != CaseStatus.COMPLETED:
        raise Failed("The case is not completed.")


def _proof(say: Callable[[str], None]) -> Path:
    path = Path(settings.DATA_DIR) / "audit.csv"
    call_command("export_audit", out=path, verbosity=0)
    status, line = verify.run(path)
    if status:
        raise Failed(line)
    say(f"\nThe trail is in {path}:\n{line}")
    return path
