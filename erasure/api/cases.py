"""Cases: open, list, search, look at, and the plan."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.staff.models import Scope
from erasure import intake, lifecycle
from erasure.errors import NotFound
from erasure.models import Case, PlanRevision
from erasure.states import Channel

from . import bodies, plan_replies, replies
from .base import Change, DeskView, Spec
from .pages import page

MOST_FOUND = 200  # cases a search gives, newest first


def find(reference: str) -> Case:
    """The case, with all that a reply shows, or NotFound."""
    # A reference is plain ASCII; anything else (a NUL, half a surrogate pair) must not reach the database.
    case = (
        replies.cases().filter(reference=reference).first() if reference.isascii() and reference.isprintable() else None
    )
    if case is None:
        raise NotFound("not_found", _("There is no case with this reference."))
    return case


def show(case: Case) -> dict[str, Any]:
    """The case as it is now."""
    return dict(replies.CaseShown(replies.cases().get(pk=case.pk)).data)


class Cases(Change):
    specs = {
        "GET": Spec(
            "list_cases",
            "The cases, newest first; with updated_after the oldest change first",
            Scope.CASES_READ,
            replies.CasesShown,
            query=bodies.CasesQuery,
        ),
        "POST": Spec(
            "open_case",
            "Open a case, and with submit ask for its approval",
            Scope.CASES_WRITE,
            replies.OpenedShown,
            body=bodies.OpenBody,
            status=201,
        ),
    }

    def get(self, request: Request) -> Response:
        asked = self.query()
        filters = {"status": asked["status"], "kind": asked["kind"], "due_on__lt": asked["due_before"]}
        by = "updated_at" if asked["updated_after"] else "created_at"
        found = replies.cases().filter(**{name: value for name, value in filters.items() if value})
        if asked["restricted"] is not None:
            found = found.filter(Case.restricted()) if asked["restricted"] else found.exclude(Case.restricted())
        if asked["updated_after"]:
            found = found.filter(updated_at__gt=asked["updated_after"])
        shown = page(
            request,
            found,
            by=(by, "id"),
            limit=asked["limit"],
            cursor=asked["cursor"],
            newest_first=not asked["updated_after"],
        )
        return Response(shown.shown(replies.CaseShown(shown.rows, many=True).data))

    def act(self, values: dict[str, Any], **where: str) -> Any:
        submit = values.pop("submit")
        opening = intake.Opening(
            **values
            | {
                "identifiers": [(item["kind"], item["value"]) for item in values["identifiers"]],
                "channel": values["channel"] or Channel.API,
                "requester": values["requester"] or {},
                "vendors": values["vendors"] or (),
            }
        )
        with transaction.atomic():
            case = intake.open_case(opening, by=self.request.user)
            if submit:
                lifecycle.submit(case, by=self.request.user)
        return {**show(case), "possible_duplicates": intake.possible_duplicates(case)}


class Search(Change):
    specs = {
        "POST": Spec(
            "search_cases",
            "Cases that hold an identifier, or have an external id",
            Scope.CASES_READ,
            replies.CasesShown,
            body=bodies.SearchBody,
        )
    }

    def act(self, values: dict[str, Any], **where: str) -> Any:
        if wanted := values["identifier"]:
            found = intake.find_by_identifier(wanted["kind"], wanted["value"])
        else:
            found = intake.find_by_external_id(values["external_id"])
        # One person's cases are few; an identifier that thousands share is no search for a person.
        shown = replies.cases().filter(pk__in=[case.pk for case in found[:MOST_FOUND]])
        return {"results": replies.CaseShown(shown, many=True).data, "next": None, "previous": None}


class Detail(DeskView):
    specs = {"GET": Spec("get_case", "One case", Scope.CASES_READ, replies.CaseShown)}

    def get(self, request: Request, reference: str) -> Response:
        return Response(replies.CaseShown(find(reference)).data)


class Plan(DeskView):
    specs = {
        "GET": Spec(
            "get_plan",
            "What an approval would approve, or the latest plan",
            Scope.CASES_READ,
            plan_replies.WholePlanShown,
        )
    }

    def get(self, request: Request, reference: str) -> Response:
        revision = PlanRevision.objects.filter(case=find(reference)).order_by("number").last()
        if revision is None:
            raise NotFound("not_found", _("This case has no plan."))
        return Response(plan_replies.WholePlanShown(revision).data)
