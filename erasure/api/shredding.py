"""The destruction of a case's personal data by hand: one account asks for it, another approves it."""

from typing import Any, ClassVar

from compliance.staff.models import Scope
from erasure import retention
from erasure.models import Case

from . import bodies
from .decisions import Decision, spec


class Ask(Decision):
    specs: ClassVar = spec(
        "ask_shred", "Ask for the destruction of the personal data of a case that has ended", bodies.ShredBody
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        retention.ask(case, by=self.request.user, **values)


class Withdraw(Decision):
    specs: ClassVar = spec("withdraw_shred", "No longer ask for the destruction", bodies.NoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        retention.withdraw(case, by=self.request.user, **values)


class Approve(Decision):
    specs: ClassVar = spec(
        "approve_shred",
        "Destroy the personal data for good, as another account has asked for; the record and the trail stay",
        scope=Scope.CASES_APPROVE,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        retention.approve(case, by=self.request.user)
