"""A hint for each lane: after the commit, never before, and one at a time."""

import uuid

import pytest
from django.db import transaction
from django_q.models import OrmQ

from erasure import dispatch, lifecycle
from erasure.models import Vendor
from erasure.states import SubTaskStatus
from tests.factories import approve, opened_case, person, vendor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hints_last(monkeypatch):
    """Longer than any test: the cache counts real seconds."""
    monkeypatch.setattr(dispatch, "HINT_LASTS", 3600)


@pytest.fixture
def lanes(django_capture_on_commit_callbacks):
    """Runs a change as if it were committed; the vendors that were hinted at by it, in order."""

    def run(change, *args, **kwargs):
        OrmQ.objects.all().delete()
        with django_capture_on_commit_callbacks(execute=True):
            change(*args, **kwargs)
            assert not OrmQ.objects.exists(), "a hint went out before the commit"
        return [message.task["args"] for message in OrmQ.objects.order_by("id")]

    return run


def test_an_approval_hints_once_at_each_vendor_with_nothing_but_its_number(lanes):
    vendor("Shop search")
    vendor("Paper archive", "manual")
    case = opened_case(submit=True)

    assert sorted(lanes(approve, case)) == sorted((str(account.pk),) for account in Vendor.objects.all())


def test_many_cases_make_one_hint_a_lane_until_it_is_heard(lanes):
    account = vendor()
    cases = [opened_case(submit=True, identifiers=[("customer_id", f"C-{n}")]) for n in range(5)]

    def approve_all():
        for case in cases:
            approve(case)

    assert lanes(approve_all) == [(str(account.pk),)]
    assert lanes(dispatch.wake, [account.pk, account.pk]) == []
    dispatch.heard(account.pk)
    assert lanes(dispatch.wake, [account.pk, account.pk]) == [(str(account.pk),)]


def test_hints_that_were_lost_with_their_workers_are_given_anew(lanes):
    account = vendor()
    assert lanes(dispatch.wake, [account.pk]) == [(str(account.pk),)]
    dispatch.forget_hints()
    assert lanes(dispatch.wake, [account.pk]) == [(str(account.pk),)]


def test_a_change_that_fails_hints_at_nothing(lanes):
    def fail():
        with pytest.raises(RuntimeError), transaction.atomic():
            dispatch.wake([uuid.uuid4()])
            raise RuntimeError

    assert lanes(fail) == []


def test_releasing_a_case_and_saving_a_vendor_wake_the_lane(lanes):
    account = vendor()
    case = opened_case(submit=True)
    approve(case)
    lifecycle.hold(case, by=person("ada"))

    assert lanes(lifecycle.release, case, by=person("ada")) == [(str(account.pk),)]
    dispatch.heard(account.pk)
    assert lanes(vendor) == [(str(account.pk),)]


@pytest.mark.django_db(transaction=True)
def test_an_approval_stands_though_the_queue_cannot_be_reached(monkeypatch):
    def unreachable(*args, **kwargs):
        raise ConnectionError("no broker")

    account = vendor()
    case = opened_case(submit=True)
    dispatch.heard(account.pk)
    monkeypatch.setattr(dispatch, "async_task", unreachable)
    approve(case)

    assert case.sub_tasks.get().status == SubTaskStatus.READY
