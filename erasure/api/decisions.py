"""What is done with a case. Each view calls one function of the desk and answers with the case."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _

from compliance.staff.models import Scope
from erasure import evidence, intake, lifecycle
from erasure.errors import Invalid
from erasure.models import Case, SubTask, Vendor
from erasure.states import ENDED, Held

from . import bodies, replies
from .base import MIB, Change, Spec
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


def spec(name: str, summary: str, body: type[Body] = Nothing, scope: Scope = Scope.CASES_WRITE) -> dict[str, Spec]:
    return {"POST": Spec(name, summary, scope, replies.CaseShown, body=body)}


def work(case: Case, sub_task_id: Any) -> SubTask:
    found = case.sub_tasks.model.objects.select_related("case", "vendor").filter(case=case, pk=sub_task_id).first()
    if found is None:
        raise Invalid([("/sub_task", _("This case has no sub-task with this id."))])
    return found


class Submit(Decision):
    specs: ClassVar = spec("submit_case", "Ask for approval")

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.submit(case, by=self.request.user)


class Approve(Decision):
    specs: ClassVar = spec(
        "approve_case",
        "Approve the plan version with this digest; never one that the account opened or changed",
        bodies.ApproveBody,
        Scope.CASES_APPROVE,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.approve(case, by=self.request.user, digest=values["plan_digest"], note=values["note"])


class Reject(Decision):
    specs: ClassVar = spec(
        "reject_case", "Refuse the request, or the open plan version", bodies.RejectBody, Scope.CASES_APPROVE
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.reject(case, by=self.request.user, **values)


class Cancel(Decision):
    specs: ClassVar = spec("cancel_case", "Stop what is unsent; what was sent is followed", bodies.CancelBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.cancel(case, by=self.request.user, **values)


class Hold(Decision):
    specs: ClassVar = spec("hold_case", "Make no further call until it is released", bodies.NoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.hold(case, by=self.request.user, **values)


class Release(Decision):
    specs: ClassVar = spec("release_case", "End a hold", bodies.NoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.release(case, by=self.request.user, **values)


class Identifiers(Decision):
    specs: ClassVar = spec("add_identifier", "Add an identifier; the plan is drawn again", bodies.IdentifierBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        intake.add_identifier(case, by=self.request.user, **values)


class Proposals(Decision):
    specs: ClassVar = spec(
        "decide_proposals",
        "Accept or dismiss identifiers that vendors found; what is accepted needs the approval of another account",
        bodies.ProposalsBody,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.decide(case, by=self.request.user, **values)


class Acknowledge(Decision):
    specs: ClassVar = spec("acknowledge_case", "Record that receipt was confirmed", bodies.ToldBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.acknowledge(case, by=self.request.user, **values)


class Ask(Decision):
    specs: ClassVar = spec(
        "ask_person", "Record what the person was asked; where the law says so, the clock stands", bodies.AskBody
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.ask(case, by=self.request.user, **values)


class Answered(Decision):
    specs: ClassVar = spec("person_answered", "Record that the person has answered", bodies.AnsweredBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.answered(case, by=self.request.user, **values)


class Extend(Decision):
    specs: ClassVar = spec(
        "extend_case",
        "Record that the person was told of an extension, once and within the first time",
        bodies.ExtendBody,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.extend(case, by=self.request.user, **values)


class Reply(Decision):
    specs: ClassVar = spec("record_reply", "Record that the person was answered, once", bodies.ReplyBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.reply(case, by=self.request.user, **values)


class Attest(Change):
    specs: ClassVar = {
        "POST": Spec(
            "attest",
            "Confirm by hand that a vendor's part is done, or all that the vendor took under one reference",
            Scope.CASES_WRITE,
            replies.AttestedShown,
            body=bodies.AttestBody,
            largest=MIB * 8,
        )
    }

    def act(self, values: dict[str, Any], **where: str) -> Any:
        case, given = find(where["reference"]), values["file"]
        file = evidence.File(given["name"], given["content"]) if given else None
        said = {"by": self.request.user, "note": values["note"], "file": file, "held": values["held"] or Held.UNKNOWN}
        left_out: list[SubTask] = []
        if values["sub_task"]:
            done = [work(case, values["sub_task"])]
            lifecycle.attest(done[0], **said)
        else:
            shared = values["vendor_reference"]
            vendor = _vendor_of(case, shared)
            done = lifecycle.attest_reference(vendor, shared, **said)
            left_out = lifecycle.sharing(vendor, shared, on_hold=True)
        return {
            **show(case),
            "also_confirmed": sorted({item.case.reference for item in done} - {case.reference}),
            "left_out_on_hold": len({item.case_id for item in left_out}),
        }


def _vendor_of(case: Case, reference: str) -> Vendor:
    """The vendor at which work of this case has that reference."""
    having = [
        item
        for item in case.sub_tasks.all()
        if reference in {*item.references.values(), *(use.reference for use in item.identifiers.all())}
    ]
    vendors = {item.vendor for item in having if item.status not in ENDED} or {item.vendor for item in having}
    if len(vendors) == 1:
        return vendors.pop()
    if vendors:
        text = _("Several vendors of this case use this reference. Nothing was done. Give sub_task instead.")
    else:
        text = _("No sub-task of this case has this vendor reference.")
    raise Invalid([("/vendor_reference", text)])


class Searched(Decision):
    specs: ClassVar = spec("searched", "Record that a vendor was searched and none was found", bodies.WorkNoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.searched(work(case, values["sub_task"]), by=self.request.user, note=values["note"])


class Retry(Decision):
    specs: ClassVar = spec("retry", "Try again what needs attention", bodies.WorkBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.retry(work(case, values["sub_task"]), by=self.request.user)


class GiveUp(Decision):
    specs: ClassVar = spec("give_up", "End what cannot be carried out", bodies.WorkNoteBody)

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.give_up(work(case, values["sub_task"]), by=self.request.user, note=values["note"])
