"""What to set up before a desk can work, and what is worth setting up: each thing until it is done."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Exists, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from compliance.audit.models import LogKey
from erasure.models import Case, Vendor

from .facts import CountedUpTo

SETS_UP = ("erasure.add_vendor", "staff.add_user")  # whoever has both can do it


@dataclass(frozen=True)
class Step:
    """`code` is a setting or command; `needed`: nothing works without it."""

    title: str
    how: str
    done: bool
    code: str = ""
    address: str = ""
    needed: bool = True


def _who_may(permission: str) -> QuerySet[Any]:
    users = get_user_model()._default_manager
    person = Q(is_active=True, is_staff=True, is_service=False)
    return users.filter(person, pk__in=users.with_perm(permission).values("pk"))


def questions() -> dict[str, Any]:
    """For `facts.ask`, beside those of `health.questions`."""
    openers, approvers = _who_may("erasure.open_case"), _who_may("erasure.approve_case")
    either = get_user_model()._default_manager.filter(
        Q(pk__in=openers.values("pk")) | Q(pk__in=approvers.values("pk")),
    )
    return {
        "openers": CountedUpTo(openers, 1),
        "approvers": CountedUpTo(approvers, 1),
        "openers_and_approvers": CountedUpTo(either, 2),
        "any_account": Exists(Vendor.objects.all()),
        "any_case": Exists(Case.objects.all()),
        "any_key": Exists(LogKey.objects.all()),
    }


def may_set_up(user: Any) -> bool:
    return bool(user.has_perms(SETS_UP))


def steps(answers: dict[str, Any]) -> list[Step]:
    """All of them, done or not. The demo has no settings of its own to be made."""
    four_eyes = bool(answers["openers"] and answers["approvers"] and answers["openers_and_approvers"] > 1)
    return [
        Step(
            _("The trail's signing key"),
            _("It is made when the desk is set up; this prints its public half, which auditors check the trail with."),
            answers["any_key"],
            "manage.py audit_key",
        ),
        Step(
            _("A worker"),
            _("It makes the calls to the vendors and seals the trail. Run it on at least one host, as a service."),
            answers["worker_seen"],
            "manage.py work",
        ),
        Step(
            _("The vendors' hosts"),
            _("No other host is ever called. Name those of your vendors in the settings, and restart."),
            bool(settings.VENDOR_HOSTS or settings.VENDOR_LOOPBACK),
            "VENDOR_HOSTS",
        ),
        Step(
            _("A vendor account"),
            _("Where the data is. A system without an API gets one that is worked by hand."),
            answers["any_account"],
            address=reverse("admin:erasure_vendor_add"),
        ),
        Step(
            _("Two people"),
            _("Whoever opens a case cannot approve it. Give one person the role intake, another the role approver."),
            four_eyes,
            address=reverse("admin:staff_user_add"),
        ),
        *([] if settings.DEMO else _worthwhile()),
        Step(
            _("The first case"),
            _("Open one for yourself, so that you see what becomes of it."),
            answers["any_case"],
            address=reverse("admin:erasure_case_add"),
        ),
    ]


def _worthwhile() -> list[Step]:
    return [
        Step(
            _("Somebody to tell"),
            _("Addresses that get a mail when an account is paused, work needs attention or no worker runs."),
            bool(settings.ALERTS_TO),
            "ALERTS_TO",
            needed=False,
        ),
        Step(
            _("An anchor for the trail"),
            _("A place elsewhere that keeps the trail's checkpoints, so that nobody can rewrite the past unseen."),
            bool(settings.AUDIT_ANCHOR or settings.AUDIT_TIMESTAMP_URL),
            "AUDIT_ANCHOR",
            needed=False,
        ),
    ]


def panel(user: Any, answers: dict[str, Any]) -> dict[str, Any] | None:
    """For templates/admin/erasure/home/first_run.html; None once all is done. `must`: something needed is missing."""
    found = steps(answers)
    left = [step for step in found if not step.done]
    must = any(step.needed for step in left)
    if not left or not (must or may_set_up(user)):
        return None
    return {"steps": found, "left": len(left), "must": must, "may": may_set_up(user)}
