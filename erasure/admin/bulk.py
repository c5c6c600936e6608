"""What can be done with many cases at once. Each case stands for itself: what was done is told, and what was skipped,
with the reason."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure import lifecycle
from erasure.errors import DeskError
from erasure.models import Case
from erasure.states import Operation

from .deeds import awaits_approval
from .shared import DeskPages


class BulkActions(DeskPages):
    """What the list of cases adds to the desk's pages."""

    actions = ("submit_cases", "approve_cases", "hold_cases")

    def has_submit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.submit_case")

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.approve_case")

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("erasure.hold_case")

    @admin.action(description=gettext_lazy("Submit for approval"), permissions=["submit"])
    def submit_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        _each(request, queryset, _("Submitted"), lambda case: lifecycle.submit(case, by=request.user))

    @admin.action(description=gettext_lazy("Put on hold"), permissions=["hold"])
    def hold_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        _each(request, queryset, _("Put on hold"), lambda case: lifecycle.hold(case, by=request.user))

    @admin.action(description=gettext_lazy("Approve…"), permissions=["approve"])
    def approve_cases(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse | None:
        """First a page that lists what would be approved; its post carries the digests that were read."""
        if "confirmed" not in request.POST:
            return self._ask(request, queryset)
        post = request.POST

        def approve(case: Case) -> None:
            digest = post.get(f"digest-{case.pk}", "")
            lifecycle.approve(case, by=request.user, digest=digest, note=post.get("note", ""))

        _each(request, queryset, _("Approved"), approve)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse:
        rows = []
        for case in queryset:
            revision = lifecycle.open_revision(case)
            if revision is None or not awaits_approval(case, revision):
                rows.append({"case": case, "refused": _("No plan of this case awaits approval.")})
                continue
            work = [
                f"{part.vendor.name}: {Operation(part.operation).label}"
                for part in revision.sub_tasks.select_related("vendor")
            ]
            refused = lifecycle.why_not_approve(revision, request.user)
            rows.append({"case": case, "revision": revision, "work": work, "refused": refused})
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": _("Approve these plans?"),
            "rows": rows,
            "any_left": any(not row["refused"] for row in rows),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/erasure/case/approve_many.html", context)


def _each(request: HttpRequest, cases: QuerySet[Case], done: str, do: Callable[[Case], None]) -> None:
    succeeded = []
    for case in cases.order_by("reference"):
        try:
            do(case)
        except DeskError as error:
            text = _("%(case)s was skipped: %(why)s") % {"case": case.reference, "why": error.text}
            messages.warning(request, text)
        else:
            succeeded.append(case.reference)
    if succeeded:
        messages.success(request, f"{done}: {', '.join(succeeded)}")
