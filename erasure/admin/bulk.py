"""What can be done with many cases at once. Each case stands for itself: what was done is told, and what was skipped,
with the reason."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.vault.seal import Unreadable
from erasure import lifecycle
from erasure.errors import DeskError
from erasure.models import Case
from erasure.states import CaseStatus, Operation

from .deeds import awaits_approval, why_not_sent
from .shared import DeskPages

TOLD_SINGLY = 10
MOST_AT_ONCE = 200  # cases; more than anybody reads before saying yes


class BulkActions(DeskPages):
    """What the list of cases adds to the desk's pages."""

    actions = ("submit_cases", "approve_cases", "hold_cases")

    def has_submit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.submit_case")

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.approve_case")

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.hold_case")

    @admin.action(description=gettext_lazy("Submit for approval…"), permissions=["submit"])
    def submit_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse | None:
        """First a page that lists what would be submitted."""
        if _too_many(request, queryset):
            return None
        if "confirmed" not in request.POST:
            intro = _("Each of these cases is submitted. Another person can then approve its plan.")
            rows = [_row(case, "" if case.status == CaseStatus.DRAFT else _("It is no draft.")) for case in queryset]
            return self._ask(request, "submit_cases", _("Submit these cases?"), _("Submit"), intro, rows)
        _each(request, queryset, _("Submitted"), lambda case: lifecycle.submit(case, by=request.user))
        return None

    @admin.action(description=gettext_lazy("Put on hold"), permissions=["hold"])
    def hold_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        if not _too_many(request, queryset):
            _each(request, queryset, _("Put on hold"), lambda case: lifecycle.hold(case, by=request.user))

    @admin.action(description=gettext_lazy("Approve…"), permissions=["approve"])
    def approve_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse | None:
        """First a page that lists what would be approved; its post carries the digests that were read."""
        if _too_many(request, queryset):
            return None
        if "confirmed" not in request.POST:
            intro = _(
                "Each of these plans is approved as it is listed here. What is erased at a vendor cannot be brought "
                "back."
            )
            rows = [_row(case, _why_not_approve(case, request.user)) for case in queryset]
            return self._ask(request, "approve_cases", _("Approve these plans?"), _("Approve"), intro, rows, note=True)
        post = request.POST

        def approve(case: Case) -> str | None:
            digest = post.get(f"digest-{case.pk}", "")
            lifecycle.approve(case, by=request.user, digest=digest, note=post.get("note", ""))
            return why_not_sent(case)

        _each(request, queryset, _("Approved"), approve)
        return None

    def _ask(
        self,
        request: HttpRequest,
        action: str,
        title: str,
        button: str,
        intro: str,
        rows: list[dict[str, Any]],
        *,
        note: bool = False,
    ) -> HttpResponse:
        """The page that lists what would be done; `note` adds a box for one."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": title,
            "action": action,
            "button": button,
            "intro": intro,
            "rows": rows,
            "note": note,
            "any_left": any(not row["refused"] for row in rows),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/erasure/case/many.html", context)


def _too_many(request: HttpRequest, cases: QuerySet[Case]) -> bool:
    if cases.count() <= MOST_AT_ONCE:
        return False
    text = _("At most %(most)s cases at once. Nothing was done; narrow the list with its filters.")
    messages.error(request, text % {"most": MOST_AT_ONCE})
    return True


def _row(case: Case, refused: str) -> dict[str, Any]:
    revision = lifecycle.open_revision(case)
    parts = revision.sub_tasks.select_related("vendor") if revision else ()
    work = [f"{part.vendor.name}: {Operation(part.operation).label}" for part in parts]
    return {"case": case, "revision": revision, "work": work, "refused": refused}


def _why_not_approve(case: Case, person: Any) -> str:
    revision = lifecycle.open_revision(case)
    if revision is None or not awaits_approval(case, revision):
        return _("No plan of this case awaits approval.")
    return lifecycle.why_not_approve(revision, person)


def _each(request: HttpRequest, cases: QuerySet[Case], done: str, do: Callable[[Case], str | None]) -> None:
    """Does it with each case; `do` may return what is to be told of one that was done."""
    succeeded, remarks, skipped = [], defaultdict(list), defaultdict(list)
    for case in cases.order_by("reference"):
        try:
            if remark := do(case):
                remarks[remark].append(case.reference)
        except DeskError as error:
            skipped[error.text].append(case.reference)
        except Unreadable as error:
            skipped[str(error)].append(case.reference)
        else:
            succeeded.append(case.reference)
    few = sum(map(len, skipped.values())) <= TOLD_SINGLY
    for why, references in skipped.items():
        if few:
            for reference in references:
                text = _("%(case)s was skipped: %(why)s") % {"case": reference, "why": why}
                messages.warning(request, text)
        else:
            text = _("%(number)s skipped (%(cases)s): %(why)s")
            messages.warning(request, text % {"number": len(references), "cases": _named(references), "why": why})
    for remark, references in remarks.items():
        messages.warning(request, f"{_named(references)}: {remark}")
    if succeeded:
        messages.success(request, f"{done}: {_named(succeeded)}")


def _named(references: list[str]) -> str:
    """The first ten, and how many more there are."""
    shown = ", ".join(references[:TOLD_SINGLY])
    more = len(references) - TOLD_SINGLY
    return shown if more <= 0 else _("%(shown)s and %(more)s more") % {"shown": shown, "more": more}
