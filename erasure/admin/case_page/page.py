"""What the page of a case shows, put together for its template. Reads only."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from compliance.vault.seal import NOT_OPENED
from erasure import due, forecast, lifecycle, retention
from erasure.models import Case, SubTask
from erasure.reports.certificate import may_issue
from erasure.reports.spoken import language_of
from erasure.states import CaseStatus

from .. import by_reference, letters
from ..deed_forms import ReasonForm
from ..deeds import CASE_DEEDS, Failed, Offer, offers
from ..ledger import LEDGER_DEEDS, ledger
from ..standing import countdown, lines, state_badges
from . import foreseen, person
from .facts import SHOWN_CALLS, SHOWN_EVENTS, Facts
from .head import situation
from .live import is_going
from .next_action import Next, besides, next_action
from .plan import plan
from .timeline import timeline

#: Deeds about what is said to the person or by them, or found out about them: they stand together.
WITH_PERSON = ("reply", "identity", "told_of_lifting", "acknowledge", "ask", "answered", "extend")


class CasePage:
    """One case for one person. `failed`: a form that was sent and not taken; `show`: what the timeline is narrowed
    to."""

    def __init__(self, case: Case, user: Any, failed: Failed | None = None, show: str = "") -> None:
        self.facts = Facts(case, user)
        self.case, self.user, self.failed, self.show = case, user, failed, show

    def context(self) -> dict[str, Any]:
        case, facts, may = self.case, self.facts, self.user.has_perm
        by_reference.fetch_shared(facts.work)
        now, clocked, ahead = situation(facts), due.reckoning(case), forecast.of(case)
        following = next_action(now)
        deeds = self._offers()
        deciding = next((offer for offer in deeds if offer.name == "proposals"), None)
        known, files = person.requester(case), self._evidence()
        written = letters.shown(files, self.user)
        others = [o for o in deeds if o.name not in ("approve", "proposals", following.deed, *LEDGER_DEEDS)]
        return {
            "case": case,
            "status": state_badges(case),
            "due": countdown(case),
            "retention": retention.told(case),
            "due_worked_out": due.told(case, clocked),
            "clock": clocked,
            "foreseen": foreseen.in_short(ahead),
            "approve_by": foreseen.of_approval(ahead),
            "open_questions": [item for item in case.inquiries.all() if not item.answered_on],
            "replayed_by": facts.replayed_by,
            "advises_check": lifecycle.advises_check(case),
            "next": following,
            "next_offer": next((offer for offer in deeds if offer.name == following.deed), None),
            "lines": [("", text) for text in [foreseen.escalated(case), foreseen.warning(case, ahead)] if text]
            + [(item.anchor, f"{item.what} {item.why}") for item in besides(now, following)]
            + self._lines(following)
            + letters.hints(written),
            "person": person.in_short(facts, known),
            "requester": known,
            "identifiers": person.identifiers(facts, self.failed),
            "duplicates": person.duplicates(facts),
            "plans": [plan(facts, revision, self.failed) for revision in reversed(facts.revisions)],
            "proposals": person.proposals(facts, deciding),
            "deciding": deciding,
            "offers": [offer for offer in others if offer.name not in WITH_PERSON],
            "person_offers": [offer for offer in others if offer.name in WITH_PERSON],
            "ledger": ledger(case, deeds),
            "languages": settings.LANGUAGES,
            "language": language_of(case),
            "approval": next((o for o in deeds if o.name == "approve" and not now.why_not), None),
            "evidence": files,
            "letters": written,
            "may_write": letters.may_write(self.user) and not case.shredded_at,
            "notes": self._notes(),
            "timeline": timeline(facts, self.show),
            "going": is_going(case) and self.failed is None,  # what was typed must not be replaced
            "shown_events": SHOWN_EVENTS,
            "shown_calls": SHOWN_CALLS,
            "may_edit": case.status == CaseStatus.DRAFT and may("erasure.open_case"),
            "may_remove": case.status == CaseStatus.DRAFT and may("erasure.delete_identifier"),
            "may_download": may("erasure.download_evidence"),
            "may_certify": may_issue(case) and may("erasure.change_case") and not case.shredded_at,
            "may_export": may("audit.export_event"),
            "may_read_trail": may("audit.view_event"),
            "may_reveal": may("erasure.reveal_identifier") and not case.shredded_at,
            "reveal_form": ReasonForm(auto_id=False),
            "reveal_failed": person.reveal_failed(self.failed, ""),
        }

    def _offers(self) -> Sequence[Offer]:
        """None once the personal data was destroyed: nothing of the case is changed any more."""
        if self.case.shredded_at:
            return []
        case, revision = self.case, self.facts.open_revision
        initial = {"digest": revision.digest if revision else "", "handler": case.handler_id}

        def address(name: str) -> str:
            return reverse("admin:erasure_case_act", args=[case.pk, name])

        more: dict[str, Any] = {"initial": initial, "failed": self.failed, "enabled": self.facts.vendors}
        found = offers(CASE_DEEDS, self.user, address, case, revision, **more)
        four_eyes = retention.why_not_approve(case, self.user)
        return [offer for offer in found if offer.name != "approve_shred" or not four_eyes]

    def _lines(self, following: Next) -> list[tuple[str, str]]:
        """What else of the case waits for a person than what is told as the next action."""
        found = lines(self.case, self.user, self.facts.work)
        return [(anchor, text) for anchor, text in found if text.removesuffix(following.why).strip() != following.what]

    def _evidence(self) -> list[Any]:
        work: dict[Any, SubTask] = {sub_task.pk: sub_task for sub_task in self.facts.work}
        found = list(self.case.evidence.select_related("letter__by").defer("letter__mail_sealed"))
        for item in found:
            item.sub_task = work.get(item.sub_task_id)
        return found

    def _notes(self) -> list[dict[str, Any]]:
        notes = []
        for note in self.case.notes.select_related("author"):
            note.case = self.case
            try:
                text = str(note.unseal("text"))
            except NOT_OPENED:
                text = _("destroyed") if self.case.shredded_at else _("cannot be opened")
            notes.append({"note": note, "text": text, "about": _about(note.about)})
        return notes[::-1]


def _about(word: str) -> str:
    """What a note is about, in staff's words."""
    return {
        "sub_task": _("vendor work"),
        "plan": _("plan"),
        "rejection": _("rejection"),
        "cancelling": _("cancelling"),
        "hold": _("hold"),
        "proposals": _("suggested identifiers"),
        "acknowledgement": _("confirmation of receipt"),
        "question": _("question to the person"),
        "identity": _("identity check"),
        "lifting": _("notice of the lifting"),
        "extension": _("extension"),
        "reply": _("reply"),
        "recipient": _("recipient"),
        "shredding": _("destruction of the personal data"),
        "identifier": _("reason for revealing"),
    }.get(word.partition(":")[0], _("reason for revealing") if word.startswith("case:") else "")
