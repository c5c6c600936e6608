"""That a person is told before their restriction ends (GDPR art. 18(3))."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions
from erasure.errors import Conflict
from erasure.models import Case, SubTask
from erasure.states import CaseStatus, Kind, RevisionStatus, SubTaskStatus

from .shared import case_event, changing, check_words, close_if_ended, keep_note, wrong_state
from .starting import start

AT_ONCE = 100


def tell_of_lifting(case: Case, *, by: Any, channel: str, note: str = "") -> None:
    """Records, once, that the person was told that the restriction will be lifted. Approved work that waited for it is
    set going."""
    check_words(channel)
    if case.kind != Kind.LIFT_RESTRICTION:
        raise Conflict("not_a_lifting", _("This case lifts no restriction. Nothing was changed."))
    with changing(case, by) as case:
        if case.told_of_lifting_at:
            raise Conflict("already_told", _("The person was told of the lifting before. Nothing was changed."))
        if not CaseStatus(case.status).is_open or case.cancelled_at:
            raise wrong_state(case)
        case.told_of_lifting_at = clock.now()
        noted = keep_note(case, by, note, about="lifting")
        case_event(case, actions.CASE_TOLD_OF_LIFTING, by, channel=channel, **noted)
        for revision in case.revisions.filter(status=RevisionStatus.APPROVED):
            start(case, revision, by)
        close_if_ended(case)


def lift_untold() -> None:
    """Sets going approved liftings that wait for a notice which their law does not ask for any more (REGIMES)."""
    silent = [regime for regime, law in settings.REGIMES.items() if not law.tells_of_lifting]
    waiting = Case.objects.filter(kind=Kind.LIFT_RESTRICTION, status=CaseStatus.IN_PROGRESS, regime__in=silent)
    planned = SubTask.objects.filter(status=SubTaskStatus.PLANNED, revision__status=RevisionStatus.APPROVED)
    for pk in waiting.filter(Exists(planned.filter(case=OuterRef("pk")))).values_list("pk", flat=True)[:AT_ONCE]:
        with transaction.atomic():
            case = Case.locked().get(pk=pk)
            if not case.cancelled_at:
                for revision in case.revisions.filter(status=RevisionStatus.APPROVED):
                    start(case, revision, None)
                close_if_ended(case)
