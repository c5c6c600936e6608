"""What is done with a case. Each view calls one function of the desk and answers with the case."""

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext as _

from compliance.staff.models import Scope
from erasure import intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, SubTask
from erasure.states import ENDED

from . import bodies, replies
from .base import Change, Spec
from .cases import find, show
from .fields import Body, Nothing


class Decision(Change):
    """`decide` does it; the answer is the case after it."""

    def act(self, values: dict[str, Any], **where: str) -> Any:
        case = find(where["reference"])
        self.decide(case, values)
        return show(case)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        raise NotImplementedError


def _spec(name: str, summary: str, body: type[Body] = Nothing, scope: Scope = Scope.CASES_WRITE) -> dict[str, Spec]:
    return {"POST": Spec(name, summary, scope, replies.CaseShown, body=body)}


def _work(case: Case, sub_task_id: Any) -> SubTask:
    found = case.sub_tasks.model.objects.select_related("case", "vendor").filter(case=case, pk=sub_task_id).first()
    if found is None:
        raise Invalid([("/sub_task", _("This case has no sub-task with this id."))])
    return found


class Submit(Decision):
    specs: ClassVar = _spec("submit_case", "Ask for approval")

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.submit(case, by=self.request.user)


class Approve(Decision):
    specs: ClassVar = _spec(
        "approve_case",
        "Approve the plan version with this digest; never one that the account opened or changed",
        bodies.ApproveBody,
        Scope.CASES_APPROVE,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.approve(case, by=self.request.user, digest=values["plan_digest"], note=values["note"])


class Reject(Decision):
    specs: ClassVar = _spec(
        "reject_case", "Refuse the request, or the open plan version", bodies.RejectBody, Scope.CASES_APPROVE
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.reject(case, by=self.request.user, **values)


class Cancel(Decision):
    specs: ClassVar = _spec("cancel_case", "Stop what is unsent; what was sent is followed", bodies.CancelBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.cancel(case, by=self.request.user, **values)


class Hold(Decision):
    specs: ClassVar = _spec("hold_case", "Make no further call until it is released", bodies.NoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.hold(case, by=self.request.user, **values)


class Release(Decision):
    specs: ClassVar = _spec("release_case", "End a hold", bodies.NoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.release(case, by=self.request.user, **values)


class Identifiers(Decision):
    specs: ClassVar = _spec("add_identifier", "Add an identifier; the plan is drawn again", bodies.IdentifierBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        intake.add_identifier(case, by=self.request.user, **values)


class Proposals(Decision):
    """No vendor proposes identifiers yet, so there is never one to decide about."""

    specs: ClassVar = _spec("decide_proposals", "Accept or dismiss proposed identifiers", bodies.ProposalsBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        raise Conflict("no_proposals", _("No identifier of this case is proposed. Nothing was done."))


class Attest(Decision):
    specs: ClassVar = _spec("attest", "Confirm by hand that a vendor's part is done", bodies.AttestBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        with transaction.atomic():
            for sub_task in self._meant(case, values):
                lifecycle.attest(sub_task, by=self.request.user, note=values["note"])

    def _meant(self, case: Case, values: dict[str, Any]) -> list[SubTask]:
        if values["sub_task"]:
            return [_work(case, values["sub_task"])]
        wanted = values["vendor_reference"]
        shared = [item for item in case.sub_tasks.all() if wanted in item.references.values()]
        if not shared:
            raise Invalid([("/vendor_reference", _("No sub-task of this case has this vendor reference."))])
        return [_work(case, item.pk) for item in shared if item.status not in ENDED] or [_work(case, shared[0].pk)]


class Searched(Decision):
    specs: ClassVar = _spec("searched", "Record that a vendor was searched and none was found", bodies.WorkNoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.searched(_work(case, values["sub_task"]), by=self.request.user, note=values["note"])


class Retry(Decision):
    specs: ClassVar = _spec("retry", "Try again what needs attention", bodies.WorkBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.retry(_work(case, values["sub_task"]), by=self.request.user)


class GiveUp(Decision):
    specs: ClassVar = _spec("give_up", "End what cannot be carried out", bodies.WorkNoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.give_up(_work(case, values["sub_task"]), by=self.request.user, note=values["note"])
