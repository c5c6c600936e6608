"""Who can sign in and decide: a case takes two."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.staff import accounts
from compliance.staff.models import User
from erasure.absences import APPROVES

from .finding import Finding, ok, problem, warning

OPENS = "erasure.open_case"


def people() -> Iterator[Finding]:
    """A case needs somebody who opens it, be it a service account, and another person who approves it."""
    administrators = accounts.administrators().count()
    if not administrators:
        text = _("Nobody who can sign in may manage people.")
        yield problem(text, _("manage.py setup makes an administrator."))
    approvers = set(accounts.people_with(APPROVES).values_list("pk", flat=True))
    openers = set(accounts.people_with(OPENS).values_list("pk", flat=True))
    by_program = User.objects.filter(is_service=True, is_active=True).exists()
    page = _("Give somebody the role on the page of their account in the admin.")
    if not approvers:
        yield problem(_("Nobody who can sign in may approve: no case can begin."), page)
    elif len(approvers | openers) < 2 and not by_program:
        text = _("One person alone may open and approve, and nobody approves what they opened: no case can begin.")
        yield problem(text, page)
    elif len(approvers) < 2:
        text = _("One person alone may approve: what they open or change, and what comes while they are away, waits.")
        yield warning(text, page)
    elif administrators:
        text = ngettext("%(count)d person may approve.", "%(count)d people may approve.", len(approvers))
        yield ok(text % {"count": len(approvers)})
