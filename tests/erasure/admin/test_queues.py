"""The queues of cases: saved views of the list with addresses of their own, counted so far and no farther."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import forecast, lifecycle, reminders
from erasure.admin import queues
from erasure.admin.queues import QUEUES, Count, counts
from erasure.models import Case, Identifier, SubTask
from erasure.states import CaseStatus, IdentifierState, SubTaskStatus
from tests.erasure.retention.made import asked_for, cancelled_case
from tests.factories import approved_case, opened_case, person, vendor, work

LIST = "admin:erasure_case_changelist"


def listed(client, **query):
    return client.get(reverse(LIST), query)


def shown(answer) -> list[str]:
    return [case.reference for case in answer.context["cl"].result_list]


def due_in(case: Case, days: int) -> Case:
    Case.objects.filter(pk=case.pk).update(due_on=clock.today() + timedelta(days=days))
    return case


def with_work(status: SubTaskStatus) -> Case:
    case = approved_case()
    code = "refused" if status == SubTaskStatus.NEEDS_ATTENTION else ""
    SubTask.objects.filter(pk=work(case).pk).update(status=status, attention_code=code, next_at=None)
    return case


def suggested() -> Case:
    case = approved_case()
    Identifier.objects.filter(pk=case.identifiers.first().pk).update(state=IdentifierState.PROPOSED)
    return case


def ended() -> Case:
    case = approved_case()
    Case.objects.filter(pk=case.pk).update(status=CaseStatus.COMPLETED, closed_at=clock.now())
    return case


def at_risk() -> Case:
    vendor("CDP", "acquia")
    case = due_in(approved_case(), 20)  # it acts within 30 days
    forecast.look_ahead()
    return case


def escalated() -> Case:
    case = due_in(opened_case(submit=True), 2)
    reminders.escalate()
    return case


def held() -> Case:
    case = opened_case()
    lifecycle.hold(case, by=person("ada", "approver"))
    return case


def handled() -> Case:
    case = opened_case()
    lifecycle.assign(case, by=person("olive"), handler=person("mia", "approver", "intake"))
    return case


def restricted() -> Case:
    vendor("Paper archive", "manual")
    case = approved_case(kind="restriction", vendors=("paper-archive",))
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Locked away.")
    lifecycle.reply(case, by=person("olive"), channel="email")
    return case


def destroyed_soon() -> Case:
    case = cancelled_case("mistaken")
    Case.objects.filter(pk=case.pk).update(shred_at=clock.today() + timedelta(days=3))
    return case


HELD = {
    "overdue": lambda: due_in(opened_case(), -1),
    "due-soon": lambda: due_in(opened_case(), 3),
    "at-risk": at_risk,
    "escalated": escalated,
    "my-approval": lambda: opened_case(submit=True),
    "approval": lambda: opened_case(submit=True, by=person("mia", "approver", "intake")),
    "attention": lambda: with_work(SubTaskStatus.NEEDS_ATTENTION),
    "confirmation": lambda: with_work(SubTaskStatus.AWAITING_ATTESTATION),
    "identifier": lambda: with_work(SubTaskStatus.AWAITING_IDENTIFIER),
    "proposals": suggested,
    "unanswered": ended,
    "drafts": opened_case,
    "held": held,
    "restricted": restricted,
    "destroyed-soon": destroyed_soon,
    "to-destroy": lambda: asked_for(cancelled_case()),
    "mine": handled,
}


def test_every_queue_is_tried_here():
    assert HELD.keys() == QUEUES.keys()


@pytest.mark.parametrize("slug", QUEUES)
def test_a_queue_has_an_address_that_shows_its_cases_and_says_which_it_is(signed_in, slug):
    client = signed_in("mia", "approver", "intake")
    answer = client.get(QUEUES[slug].address)
    html = answer.content.decode()
    assert shown(answer) == []
    assert str(QUEUES[slug].empty) in html
    case = HELD[slug]()
    answer = client.get(QUEUES[slug].address)
    html = " ".join(answer.content.decode().split())
    assert shown(answer) == [case.reference]
    assert str(QUEUES[slug].advice).replace("'", "&#x27;") in html
    queues = html.partition('<nav class="desk-queues"')[2].partition("</nav>")[0]
    assert queues.count('aria-current="page"') == 1
    assert f'aria-current="page">{QUEUES[slug].label} <span class="desk-count">1</span>' in html


def test_a_queue_begins_with_what_is_due_first(signed_in):
    late, soon, later = (due_in(opened_case(), days) for days in (9, -3, 40))
    client = signed_in("ann", "auditor")
    assert shown(listed(client, queue="drafts")) == [soon.reference, late.reference, later.reference]
    assert shown(listed(client))[0] == later.reference, "the whole list begins with the newest"


def test_my_approval_holds_nothing_that_i_opened(signed_in):
    mia = person("mia", "approver", "intake")
    mine, theirs = opened_case(submit=True, by=mia), opened_case(submit=True)
    assert list(QUEUES["my-approval"].cases(mia)) == [theirs]
    assert set(QUEUES["approval"].cases(mia)) == {mine, theirs}
    assert not QUEUES["my-approval"].cases(person("ann", "auditor")).exists()
    assert "my-approval" not in listed(signed_in("ann", "auditor")).content.decode()


def test_a_queue_is_narrowed_by_filters_which_stay_when_another_queue_is_chosen(signed_in):
    draft, other = opened_case(), opened_case(regime="ccpa")
    answer = listed(signed_in("ann", "auditor"), queue="drafts", regime__exact="ccpa", o="-1")
    assert shown(answer) == [other.reference]
    assert draft.reference not in answer.content.decode()
    assert "?queue=held&amp;regime__exact=ccpa" in answer.content.decode()
    assert "<strong>CCPA (California)</strong>" in answer.content.decode()
    assert answer.context["cl"].chips()[0].without == "?o=-1&queue=drafts"


@pytest.mark.parametrize("slug", ["nonsense", "", "OVERDUE", "' OR 1=1", "9" * 400])
def test_a_queue_that_does_not_exist_is_the_whole_list(signed_in, slug):
    case = opened_case()
    answer = listed(signed_in("ann", "auditor"), queue=slug)
    assert answer.status_code == 200
    assert shown(answer) == [case.reference]
    assert answer.context["cl"].queue is None


def test_queues_are_counted_in_one_query_and_only_so_far(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(queues, "COUNTED", 2)
    for _number in range(3):
        opened_case()
    ann = person("ann", "auditor")
    ann.has_perm("erasure.view_case")  # reads the permissions
    with django_assert_num_queries(1):
        found = counts(ann)
    assert found["drafts"] == Count(2, True)
    assert found["held"] == Count(0, False)
    assert QUEUES["drafts"].count(ann) == Count(2, True)
