"""What a change of an account reaches, in sentences: before it is saved, and after."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure.changes import Bound
from erasure.foresight import Reach


def counted(number: int, more: bool) -> str:
    return _("At least %d") % number if more else str(number)


def foreseen(reach: Reach) -> Iterator[str]:
    """What would happen if it were saved."""
    if reach.bound and reach.bound.plans:
        text = ngettext(
            "%(count)s plan that awaits approval changes with it: it must be read again before it can be approved.",
            "%(count)s plans that await approval change with it: they must be read again before they can be approved.",
            reach.bound.plans,
        )
        yield text % {"count": counted(reach.bound.plans, reach.bound.more_plans)}
    if reach.bound and reach.bound.work:
        text = ngettext(
            "%(count)s piece of approved vendor work would no longer do what was approved: it stops for attention "
            "before its next call.",
            "%(count)s pieces of approved vendor work would no longer do what was approved: each stops for attention "
            "before its next call.",
            reach.bound.work,
        )
        yield text % {"count": counted(reach.bound.work, reach.bound.more_work)}
    if reach.disables and reach.waits:
        text = ngettext(
            "Nothing is sent with this account any more: %(count)s piece of approved vendor work waits until it is "
            "enabled again. Its case stays open, and the time to reply runs on.",
            "Nothing is sent with this account any more: %(count)s pieces of approved vendor work wait until it is "
            "enabled again. Their cases stay open, and the time to reply runs on.",
            reach.waits,
        )
        yield text % {"count": counted(reach.waits, reach.more)}


def told(bound: Bound) -> Iterator[str]:
    """What has happened with it."""
    if bound.plans:
        text = ngettext(
            "%(count)s plan that awaits approval has changed with it: it must be read again before it can be approved.",
            "%(count)s plans that await approval have changed with it: they must be read again before they can be "
            "approved.",
            bound.plans,
        )
        yield text % {"count": counted(bound.plans, bound.more_plans)}
    if bound.work:
        text = ngettext(
            "%(count)s piece of approved vendor work no longer does what was approved: it stops for attention "
            "before its next call. Undo the change, and if it has stopped by then, somebody with the role approver "
            "tries it again on its case's page; or they give it up, and a new case is opened.",
            "%(count)s pieces of approved vendor work no longer do what was approved: each stops for attention "
            "before its next call. Undo the change, and those that have stopped by then, somebody with the role "
            "approver tries again on their cases' pages; or they give them up, and new cases are opened.",
            bound.work,
        )
        yield text % {"count": counted(bound.work, bound.more_work)}
