"""The queues of cases that staff work through: each a saved view of the list of cases with an address of its own, and a
line on the overview. What one holds is said here once, for both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from compliance import clock
from erasure.forecast import at_risk
from erasure.models import Case, Escalation, Identifier, PlanParty, PlanRevision, Shredding, SubTask
from erasure.retention import soon
from erasure.states import CaseStatus, IdentifierState, RevisionStatus, Role, SubTaskStatus

from .counting import Counted
from .standing import DUE_SOON

#: Said although it follows from the rest: without it, a database reads through all that has ended.
_OPEN = Q(closed_at=None)
COUNTED = 100  # a queue is counted so far and no farther: nobody counts a whole table


class Count(NamedTuple):
    """`number` cases, or more than these."""

    number: int
    more: bool


@dataclass(frozen=True)
class Queue:
    """`holds` gives the condition for a person's queue; `empty` is what stands where it holds nothing; `advice` what to
    do with the cases that it holds."""

    slug: str
    label: Any
    empty: Any
    holds: Callable[[Any], Q]
    advice: Any = ""

    def cases(self, user: Any) -> QuerySet[Case]:
        return Case.objects.filter(self.holds(user))

    def count(self, user: Any) -> Count:
        """How many cases it holds, and whether there are more than were counted."""
        return counts(user, [self])[self.slug]

    @property
    def address(self) -> str:
        return f"{reverse('admin:erasure_case_changelist')}?queue={self.slug}"


def counts(user: Any, queues: Iterable[Queue] | None = None) -> dict[str, Count]:
    """How many cases each queue holds for a person, by its slug: one query, which counts no queue to its end."""
    asked = list(QUEUES.values() if queues is None else queues)
    columns: dict[str, Any] = {
        f"queue{number}": Counted(queue.cases(user).order_by().values("pk")[: COUNTED + 1])
        for number, queue in enumerate(asked)
    }
    row = get_user_model()._default_manager.filter(pk=user.pk).order_by().values_list(*columns.values()).get()
    found = zip(asked, (number or 0 for number in row), strict=True)
    return {queue.slug: Count(min(number, COUNTED), number > COUNTED) for queue, number in found}


def _overdue(user: Any) -> Q:
    return Case.unanswered() & Q(due_on__lt=clock.today())


def _due_soon(user: Any) -> Q:
    today = clock.today()
    return Case.unanswered() & Q(due_on__range=(today, today + DUE_SOON))


def _escalated(user: Any) -> Q:
    open_ = Escalation.objects.filter(ended_at=None).order_by()
    return Case.unanswered() & Q(pk__in=open_.values("case"))


def _awaiting_approval(user: Any) -> Q:
    return _under_way() & Q(pk__in=_open_plans().values("case"))


def _my_approval(user: Any) -> Q:
    """What this person may approve: nothing of what they opened or changed (four eyes)."""
    if not user.has_perm("erasure.approve_case"):
        return Q(pk__in=())
    authored = PlanParty.objects.filter(revision=OuterRef("pk"), person=user.pk, role=Role.AUTHOR)
    others = _open_plans().filter(~Exists(authored))
    return _under_way() & Q(pk__in=others.values("case")) & ~Q(opened_by=user.pk)


def _under_way() -> Q:
    return Q(status__in=(CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS), cancelled_at=None)


def _open_plans() -> QuerySet[PlanRevision]:
    return PlanRevision.objects.filter(status=RevisionStatus.OPEN).order_by()


def _with_work(*statuses: SubTaskStatus) -> Callable[[Any], Q]:
    return lambda user: _OPEN & _with(*statuses)


def _with(*statuses: SubTaskStatus) -> Q:
    return Q(pk__in=SubTask.objects.filter(status__in=statuses).order_by().values("case"))


def _proposals(user: Any) -> Q:
    return _OPEN & Q(pk__in=Identifier.objects.filter(state=IdentifierState.PROPOSED).order_by().values("case"))


QUEUES: dict[str, Queue] = {
    queue.slug: queue
    for queue in (
        Queue(
            "overdue",
            _("Overdue"),
            _("Nothing is overdue."),
            _overdue,
            _("The law's time is over. Open the first case: answer the person, or see there what it waits for."),
        ),
        Queue(
            "due-soon",
            _("Due soon"),
            _("Nothing is due within a week."),
            _due_soon,
            _("Open the first case, see what it waits for, and answer the person before the day is over."),
        ),
        Queue(
            "at-risk",
            _("At risk"),
            _("No vendor work will probably end after the due date."),
            lambda user: at_risk(),
            _(
                "The vendors' work will probably end after the due date. The time ends with the reply: answer the "
                "person by then, and say what is under way and until when."
            ),
        ),
        Queue(
            "escalated",
            _("Escalated"),
            _("Nothing is escalated."),
            _escalated,
            _("The due date is near. Open the first case: its page says what is not settled, and for whom it waits."),
        ),
        Queue(
            "my-approval",
            _("Awaiting my approval"),
            _("Nothing awaits your approval."),
            _my_approval,
            _("Open a case, read what will be sent to whom, and approve its plan or reject the case."),
        ),
        Queue(
            "approval",
            _("Awaiting approval"),
            _("No plan awaits approval."),
            _awaiting_approval,
            _("Somebody other than who opened or changed a case must read its plan and approve it."),
        ),
        Queue(
            "attention",
            _("Needs attention"),
            _("No vendor work needs attention."),
            lambda user: _with(SubTaskStatus.NEEDS_ATTENTION),  # also of a case that is closed: asked again
            _("Open a case, read why a vendor's part stopped, then have it tried again or give it up."),
        ),
        Queue(
            "confirmation",
            _("To confirm by hand"),
            _("Nothing awaits confirmation by hand."),
            _with_work(SubTaskStatus.AWAITING_ATTESTATION),
            _("Look at the vendor's own screen whether it is done, then confirm it on the case's page."),
        ),
        Queue(
            "identifier",
            _("Awaiting an identifier"),
            _("No vendor work awaits an identifier."),
            _with_work(SubTaskStatus.AWAITING_IDENTIFIER),
            _("Look the person up at the vendor, then add what you found, or record that you found nobody."),
        ),
        Queue(
            "proposals",
            _("Suggestions to decide"),
            _("No suggestion awaits a decision."),
            _proposals,
            _("A vendor found further identifiers. Decide on the case's page whether they belong to the person."),
        ),
        Queue(
            "unanswered",
            _("Ended, not answered yet"),
            _("Everybody whose case has ended was answered."),
            lambda user: Case.unanswered() & Q(closed_at__isnull=False),
            _("The vendors are done. Answer the person, then record the reply on the case's page."),
        ),
        Queue(
            "drafts",
            _("Drafts"),
            _("There is no draft. A case that you open begins as one."),
            lambda user: Q(status=CaseStatus.DRAFT),
            _("Complete a draft, then submit it, so that another person can approve it."),
        ),
        Queue(
            "held",
            _("On hold"),
            _("No case is on hold."),
            lambda user: Q(held_at__isnull=False),
            _("Nothing is sent for these. See whether the reason still stands, and release what can go on."),
        ),
        Queue(
            "restricted",
            _("Restricted"),
            _("Nobody is restricted."),
            lambda user: Case.restricted(),
            _("The register of restrictions in force. A case that lifts one waits until the person was told."),
        ),
        Queue(
            "destroyed-soon",
            _("Destroyed soon"),
            _("No personal data is destroyed soon."),
            lambda user: soon(),
            _("The personal data of these is destroyed by itself. Put on hold what is still needed."),
        ),
        Queue(
            "to-destroy",
            _("Destruction asked for"),
            _("Nobody asks for the destruction of personal data."),
            lambda user: Q(pk__in=Shredding.objects.filter(at=None).order_by().values("case")),
            _("Somebody asks to destroy the personal data of these now. Another person approves it, or keeps it."),
        ),
        Queue(
            "mine",
            _("Handled by me"),
            _("You handle no open case. Take one up on its page: choose yourself as its handler."),
            lambda user: Q(handler=user.pk, closed_at=None),
            _("These are yours. The one that is due first stands on top."),
        ),
    )
}
