"""What the page of a case shows. Reads only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Min
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import clock
from compliance.audit.actions import accounts_in, summarise
from compliance.audit.models import Event
from compliance.audit.record import actor_names
from compliance.vault.seal import Unreadable
from erasure import intake, lifecycle, planning
from erasure.actions import PLAN_DISCARDED
from erasure.connectors.base import BadSettings
from erasure.errors import DeskError
from erasure.models import Call, CallSubTask, Case, PlanRevision, SubTask
from erasure.normalise import mask
from erasure.states import (
    Assurance,
    CaseStatus,
    Operation,
    Outcome,
    RefusalGround,
    RevisionStatus,
    Role,
    SubTaskStatus,
    Verdict,
)
from erasure.waiting import taken_over_by, waits_for

from .deeds import CASE_DEEDS, WORK_DEEDS, Failed, Offer, awaits_approval, offers
from .forms import ReasonForm
from .masked import first_call, masked
from .shared import badge, status_badge, step_label

DUE_SOON = timedelta(days=7)
SHOWN_EVENTS = 200
SHOWN_CALLS = 100
REQUESTER_LABELS = {
    "name": gettext_lazy("Name"),
    "reply_to": gettext_lazy("Reply address"),
    "language": gettext_lazy("Language"),
    "acting_for": gettext_lazy("Acting for"),
    "external_id": gettext_lazy("External id"),
}


def due_words(case: Case) -> str:
    """What the due date means today, in words; empty where it means nothing special."""
    if not CaseStatus(case.status).is_open:
        return ""
    today = clock.today()
    if case.due_on < today:
        return _("overdue")
    return _("due soon") if case.due_on - today <= DUE_SOON else ""


def due_badge(case: Case) -> str:
    day = format_html('<span class="desk-nowrap">{}</span>', f"{case.due_on:%Y-%m-%d}")
    words = due_words(case)
    if not words:
        return day
    overdue = case.due_on < clock.today()
    return format_html("{} {}", day, badge("bad" if overdue else "warn", "!" if overdue else "◔", words))


@dataclass
class ShownWork:
    """One vendor's part of the case."""

    sub_task: SubTask
    badge: str
    reason: str
    done: list[str]
    now: str
    following: list[str]
    waits_for: str
    next_at: Any
    identifiers: list[dict[str, Any]]
    assurance: str
    explained: list[str] = field(default_factory=list)
    hint: str = ""
    first_call: Any = None
    calls: list[planning.PlannedCall] = field(default_factory=list)  # after the first
    offers: list[Offer] = field(default_factory=list)


@dataclass
class ShownPlan:
    """One plan version, with its work."""

    revision: PlanRevision
    status: str
    authors: list[Any]
    approver: Any
    work: list[ShownWork]
    is_open: bool
    stale: bool = False
    rejected: str = ""  # the ground

    @property
    def digest(self) -> str:
        return self.revision.digest[:12]


class CasePage:
    """Fetches everything once, in a number of queries that does not grow with the case, and shapes it."""

    def __init__(self, case: Case, user: Any, failed: Failed | None = None) -> None:
        self.case, self.user, self.failed = case, user, failed
        self.identifiers = list(case.identifiers.select_related("found_by", "added_by"))
        for item in self.identifiers:
            item.case = case  # its data key is here already
        self.masks = {item.pk: masked(item) for item in self.identifiers}
        self._known = {item.pk: item for item in self.identifiers}
        self.open_revision = lifecycle.open_revision(case)
        self._calls = list(
            Call.objects.filter(sub_tasks__case=case)
            .distinct()
            .select_related("vendor")
            .order_by("-started_at")[:SHOWN_CALLS]
        )
        answered = CallSubTask.objects.filter(sub_task__case=case, call__verdict=Verdict.OK)
        #: sub-task → its answered steps, oldest first
        self._answered: dict[Any, list[str]] = {}
        for sub_task, step, _first in (
            answered.values_list("sub_task", "call__step").annotate(first=Min("call__started_at")).order_by("first")
        ):
            self._answered.setdefault(sub_task, []).append(step)
        discarded = Event.objects.filter(case=case.reference, action=PLAN_DISCARDED)
        #: plan version, as the trail names it → the ground it was rejected on
        self._rejected = {
            event.subject: str(RefusalGround(event.details["ground"]).label)
            for event in discarded
            if event.details.get("ground") in RefusalGround
        }

    def context(self) -> dict[str, Any]:
        case, page = self.case, reverse("admin:erasure_case_change", args=[self.case.pk])
        deeds = self._offers()
        refused = self._why_not_approve()
        return {
            "case": case,
            "status": status_badge(CaseStatus(case.status)),
            "due": due_badge(case),
            "held": badge("warn", "‖", _("on hold")) if case.held_at else "",
            "requester": self._requester(),
            "identifiers": self._identifiers(),
            "duplicates": self._duplicates(),
            "plans": [self._plan(revision) for revision in case.revisions.prefetch_related("parties__person")],
            "awaits": self._awaits(refused),
            "offers": [offer for offer in deeds if offer.name != "approve"],
            "approval": next((offer for offer in deeds if offer.name == "approve" and not refused), None),
            "may_edit": case.status == CaseStatus.DRAFT and self.user.has_perm("erasure.open_case"),
            "calls": [self._call(call) for call in self._calls],
            "evidence": list(case.evidence.select_related("sub_task__vendor")),
            "notes": self._notes(),
            "events": self._events(),
            "shown_events": SHOWN_EVENTS,
            "shown_calls": SHOWN_CALLS,
            "may_download": self.user.has_perm("erasure.download_evidence"),
            "may_export": self.user.has_perm("audit.export_event"),
            "may_reveal": self.user.has_perm("erasure.reveal_identifier"),
            "reveal_form": ReasonForm(auto_id=False),
            "reveal_failed": self._reveal_failed(""),
            "may_remove": case.status == CaseStatus.DRAFT and self.user.has_perm("erasure.delete_identifier"),
            "page": page,
        }

    # --- the person

    def _requester(self) -> list[tuple[Any, str]] | str:
        try:
            known = dict(self.case.unseal("requester") or {})
            known["external_id"] = self.case.unseal("external_id")
        except Unreadable:
            return _("The sealed data could not be opened. Check the key ring (KEY_RING).")
        return [
            (label, known[name] if name == "language" else mask("email" if "@" in known[name] else "", known[name]))
            for name, label in REQUESTER_LABELS.items()
            if known.get(name)
        ]

    def _identifiers(self) -> list[dict[str, Any]]:
        unused = set(planning.unused(self.case))
        return [
            {
                "item": item,
                "shown": self.masks[item.pk],
                "unused": item in unused,
                "reveal_failed": self._reveal_failed(str(item.pk)),
            }
            for item in self.identifiers
        ]

    def _reveal_failed(self, number: str) -> Any:
        """The form that was to reveal this identifier (none: the requester) and was not taken."""
        failed = self.failed
        return failed.form if failed and (failed.name, failed.about) == ("reveal", number) else None

    def _duplicates(self) -> list[Case]:
        return list(Case.objects.filter(reference__in=intake.possible_duplicates(self.case)).order_by("-created_at"))

    # --- what can be done

    def _offers(self) -> Sequence[Offer]:
        revision = self.open_revision
        initial = {"digest": revision.digest if revision else "", "handler": self.case.handler_id}
        case = self.case

        def address(name: str) -> str:
            return reverse("admin:erasure_case_act", args=[case.pk, name])

        return offers(CASE_DEEDS, self.user, address, case, revision, initial=initial, failed=self.failed)

    def _awaits(self, refused: str) -> SafeString | str:
        """That a plan version awaits approval, and who must act."""
        revision = self.open_revision
        if revision is None or not awaits_approval(self.case, revision):
            return ""
        said = _("Plan version %(number)s awaits approval.") % {"number": revision.number}
        who = refused or _("You can approve it, below what it does.")
        return format_html('<a href="#plan-{}">{}</a> {}', revision.number, said, who)

    def _why_not_approve(self) -> str:
        """Who must act, where this person cannot approve what awaits approval."""
        revision = self.open_revision
        if revision is None or not awaits_approval(self.case, revision):
            return ""
        if not self.user.has_perm("erasure.approve_case"):
            return _("Another person with the role approver must approve this plan.")
        return lifecycle.why_not_approve(revision, self.user)

    # --- the plan and its work

    def _plan(self, revision: PlanRevision) -> ShownPlan:
        parties = list(revision.parties.all())
        is_open = revision.status == RevisionStatus.OPEN
        sub_tasks = revision.sub_tasks.select_related("vendor").prefetch_related("identifiers")
        return ShownPlan(
            revision=revision,
            status=str(RevisionStatus(revision.status).label),
            authors=[party.person for party in parties if party.role == Role.AUTHOR],
            approver=next((party.person for party in parties if party.role == Role.APPROVER), None),
            work=[self._work(sub_task, revision, is_open) for sub_task in sub_tasks],
            is_open=is_open,
            stale=is_open and self._stale(revision),
            rejected=self._rejected.get(f"plan:{revision.pk}", ""),
        )

    def _stale(self, revision: PlanRevision) -> bool:
        try:
            return not planning.is_current(self.case, revision)
        except (BadSettings, Unreadable, DeskError):
            return True

    def _work(self, sub_task: SubTask, revision: PlanRevision, is_open: bool) -> ShownWork:
        sub_task.case, sub_task.revision = self.case, revision
        uses = list(sub_task.identifiers.all())
        for use in uses:
            use.identifier = self._known[use.identifier_id]
        done, now, following = self._steps(sub_task)
        return ShownWork(
            sub_task=sub_task,
            badge=status_badge(SubTaskStatus(sub_task.status)),
            reason="" if taken_over_by(sub_task) else planning.reason_text(sub_task.reason),
            hint=self._hint(sub_task),
            done=done,
            now=now,
            following=following,
            waits_for=waits_for(sub_task),
            next_at=sub_task.next_at,
            identifiers=[
                {
                    "kind": use.identifier.kind,
                    "shown": self.masks[use.identifier_id],
                    "vendor_name": use.vendor_name,
                    "outcome": Outcome(use.outcome).label,
                    "held": use.get_held_display(),
                }
                for use in uses
            ],
            assurance=str(Assurance(sub_task.assurance).label),
            explained=planning.explain(sub_task) if is_open else [],
            first_call=first_call(sub_task) if is_open else None,
            calls=planning.calls(sub_task)[1:] if is_open else [],
            offers=list(
                offers(
                    WORK_DEEDS,
                    self.user,
                    lambda name: reverse("admin:erasure_case_work", args=[self.case.pk, sub_task.pk, name]),
                    sub_task,
                    initial={},
                    failed=self.failed,
                )
            )
            if revision.status == RevisionStatus.APPROVED
            else [],
        )

    def _hint(self, sub_task: SubTask) -> str:
        """Who can go on, for whoever cannot."""
        if sub_task.status != SubTaskStatus.NEEDS_ATTENTION or self.user.has_perm("erasure.retry_subtask"):
            return ""
        return _("Somebody with the role approver can try it again or give it up.")

    def _steps(self, sub_task: SubTask) -> tuple[list[str], str, list[str]]:
        """Labels of the steps that are done, the one it is at, and those that usually follow."""
        if sub_task.by_hand:
            return [], "", []
        try:
            connector = sub_task.vendor.speaks()
        except BadSettings:
            return [], sub_task.step, []
        labels = {name: str(spec.label) for name, spec in connector.steps.items()}
        ended = sub_task.status in (SubTaskStatus.DONE, SubTaskStatus.SKIPPED, SubTaskStatus.STOPPED)
        answered = self._answered.get(sub_task.pk, [])
        done = [labels.get(name, name) for name in answered if ended or name != sub_task.step]
        now = "" if ended else labels.get(sub_task.step, sub_task.step)
        way = _usual_way(connector, sub_task)
        after = way.index(sub_task.step) + 1 if sub_task.step in way else 0
        following = [] if ended or sub_task.reason else [labels[name] for name in way[after:]]
        return done, now, following

    # --- what happened

    def _call(self, call: Call) -> dict[str, Any]:
        return {
            "call": call,
            "step": step_label(call),
            "verdict": status_badge(Verdict(call.verdict)) if call.verdict else _("under way"),
            "transcript": json.dumps(call.transcript, indent=2, ensure_ascii=False) if call.transcript else "",
        }

    def _notes(self) -> list[dict[str, Any]]:
        notes = []
        for note in self.case.notes.select_related("author"):
            note.case = self.case
            try:
                text = str(note.unseal("text"))
            except Unreadable:
                text = _("cannot be opened")
            notes.append({"note": note, "text": text, "about": _about(note.about)})
        return notes

    def _events(self) -> list[dict[str, Any]]:
        events = list(Event.objects.filter(case=self.case.reference).order_by("-id")[:SHOWN_EVENTS])
        names = actor_names({event.actor for event in events}.union(*map(accounts_in, events)))
        return [{"at": event.at, "by": names[event.actor], "what": summarise(event, names)} for event in events]


def _about(word: str) -> str:
    """What a note is about, in staff's words."""
    return {
        "sub_task": _("vendor work"),
        "plan": _("plan"),
        "rejection": _("rejection"),
        "cancelling": _("cancelling"),
        "hold": _("hold"),
        "identifier": _("reason for revealing"),
    }.get(word.partition(":")[0], _("reason for revealing") if word.startswith("case:") else "")


def _usual_way(connector: Any, sub_task: SubTask) -> list[str]:
    """The steps of a whole run, in their order."""
    return [step for step, _method, _path in connector.calls(Operation(sub_task.operation))]
