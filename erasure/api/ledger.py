"""The ledger of recipients of a case. Its lines are in every reply of the case."""

from typing import Any, ClassVar

from compliance.staff.models import Scope
from erasure import lifecycle
from erasure.models import Case

from . import bodies, replies
from .base import Spec
from .decisions import Decision
from .fields import Body


def _spec(name: str, summary: str, body: type[Body]) -> dict[str, Spec]:
    return {"POST": Spec(name, summary, Scope.CASES_WRITE, replies.CaseShown, body=body)}


class Recipients(Decision):
    specs: ClassVar = _spec(
        "add_recipient", "Put a further recipient into the ledger, as the last line", bodies.RecipientBody
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.add_recipient(case, by=self.request.user, **values)


class Told(Decision):
    specs: ClassVar = _spec("recipient_told", "Record that a recipient was told, once", bodies.ToldRecipientBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.told_recipient(case, by=self.request.user, **values)


class NotTold(Decision):
    specs: ClassVar = _spec("recipient_not_told", "Record why a recipient is not told", bodies.NotToldBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.not_told(case, by=self.request.user, **values)
