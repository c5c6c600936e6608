"""What is decided about whom a case is about and what of it is carried out."""

from typing import Any, ClassVar

from compliance.staff.models import Scope
from erasure import evidence, lifecycle
from erasure.models import Case

from . import bodies, replies
from .base import MIB, Spec
from .decisions import Decision, spec, work


class Identity(Decision):
    specs: ClassVar = {
        "POST": Spec(
            "check_identity",
            "Record that it was checked who the person is; the newest check counts",
            Scope.CASES_WRITE,
            replies.CaseShown,
            body=bodies.IdentityBody,
            largest=MIB * 8,
        )
    }

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        given = values.pop("file")
        file = evidence.File(given["name"], given["content"]) if given else None
        lifecycle.check_identity(case, by=self.request.user, file=file, **values)


class RefuseVendor(Decision):
    specs: ClassVar = spec(
        "refuse_vendor",
        "Refuse what one vendor would do, on a ground; part of the plan until it is approved",
        bodies.RefuseVendorBody,
        Scope.CASES_APPROVE,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        sub_task = work(case, values.pop("sub_task"))
        lifecycle.refuse_work(sub_task, by=self.request.user, **values)


class TakeBackRefusal(Decision):
    specs: ClassVar = spec(
        "take_back_refusal",
        "Take the refusal for one vendor back, while its plan version awaits approval",
        bodies.WorkBody,
        Scope.CASES_APPROVE,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.take_back_refusal(work(case, values["sub_task"]), by=self.request.user)


class ToldOfLifting(Decision):
    specs: ClassVar = spec(
        "told_of_lifting",
        "Record that the person was told that the restriction will be lifted: nothing is lifted before",
        bodies.ToldBody,
    )

    def decide(self, case: Case, values: dict[str, Any]) -> None:
        lifecycle.tell_of_lifting(case, by=self.request.user, **values)
