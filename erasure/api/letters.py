"""Letters to the person: a look at one, sending it, and deciding about one that may not have been sent."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers

from compliance.staff.models import Scope
from erasure import letters
from erasure.errors import Invalid
from erasure.letters import texts
from erasure.models import Case, Letter
from erasure.states import LetterKind

from . import bodies, replies
from .base import Change, Spec
from .cases import find, show
from .decisions import Decision
from .letter_replies import DraftShown, LetterShown
from .problems import Problem


class SentShown(replies.CaseShown):
    """A case after a letter, with that letter; `remarks`: what was on record before and was not recorded again."""

    letter = LetterShown()
    remarks = serializers.ListField(child=serializers.CharField())


class Preview(Change):
    reads = True  # the text may name the person, who is nowhere kept in plain text
    specs: ClassVar = {
        "POST": Spec(
            "preview_letter",
            "What a letter of this kind would say; nothing is sent, and the person's name stays a variable",
            Scope.CASES_WRITE,
            DraftShown,
            body=bodies.PreviewBody,
        )
    }

    def act(self, values: dict[str, Any], **where: str) -> Any:
        case, subject, body = find(where["reference"]), values.pop("subject"), values.pop("body")
        draft = letters.write(case, **values)
        subject, body = texts.checked(draft.kind, subject or draft.subject, body or draft.body)
        refused = letters.why_not_mail(case)
        told = {"kind": draft.kind, "language": draft.language, "subject": subject, "body": body}
        return DraftShown({**told, "mailable": refused is None, "why_not": refused.text if refused else ""}).data


class Send(Change):
    specs: ClassVar = {
        "POST": Spec(
            "send_letter",
            "Send a letter by e-mail, or record the way it was sent; what the law knows of it is recorded with it",
            Scope.CASES_WRITE,
            SentShown,
            body=bodies.LetterBody,
        )
    }

    def act(self, values: dict[str, Any], **where: str) -> Any:
        case = find(where["reference"])
        if values["kind"] == LetterKind.REFUSAL:
            self._demand(Scope.CASES_APPROVE)
        sent = letters.send(case, by=self.request.user, **values)
        return {**show(case), "letter": LetterShown(sent.letter).data, "remarks": sent.remarks}

    def _demand(self, scope: Scope) -> None:
        """A refusal takes what rejecting takes."""
        token: Any = self.request.auth
        if scope not in token.scopes:
            text = _("This needs a token with the scope %(scope)s. Nothing was done.") % {"scope": scope.value}
            raise Problem("missing_scope", text, scope=scope.value)


class SendAgain(Decision):
    specs: ClassVar = {
        "POST": Spec(
            "send_letter_again",
            "Have a letter sent by e-mail again, of which it is not known whether it was, or which was not",
            Scope.CASES_WRITE,
            replies.CaseShown,
            body=bodies.LetterIdBody,
        )
    }

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        letters.send_again(_letter(case, values["letter"]), by=self.request.user)


class Arrived(Decision):
    specs: ClassVar = {
        "POST": Spec(
            "letter_arrived",
            "Record that the person has such a letter, by e-mail or another way",
            Scope.CASES_WRITE,
            replies.CaseShown,
            body=bodies.LetterIdBody,
        )
    }

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        letters.arrived(_letter(case, values["letter"]), by=self.request.user)


def _letter(case: Case, number: Any) -> Letter:
    found = Letter.objects.filter(case=case, pk=number).first()
    if found is None:
        raise Invalid([("/letter", _("This case has no letter with this id."))])
    return found
