"""The page of a case takes as many queries however much is in the case, and never more than twenty."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import clock
from erasure import intake, lifecycle
from erasure.models import Call, Case, SubTask
from tests.erasure.taken import cdp, taken
from tests.factories import approved_case, found, opened_case, person, vendor, work

MOST = 20


def accounts(number: int) -> None:
    for place in range(number):
        cdp(f"CDP {place}")
        vendor(f"Forum {place}", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
        vendor(f"Exchange {place}", "acoustic")
        vendor(f"Archive {place}", "manual", options={"instructions": "", "accepts": ["email", "x1_id"]})


def called(sub_task: SubTask, times: int) -> None:
    at = clock.now()
    for number in range(times):
        call = Call.objects.create(
            vendor=sub_task.vendor,
            step="submit",
            writes=True,
            started_at=at,
            lease_until=at,
            finished_at=at,
            verdict="ok",
            transcript={"method": "POST", "address": "/x", "status": 200},
        )
        call.sub_tasks.add(sub_task, through_defaults={"epoch": number + 1})
    SubTask.objects.filter(pk=sub_task.pk).update(epoch=times)


def queries(client, case: Case) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse("admin:erasure_case_change", args=[case.pk])).status_code == 200
    return len(asked)


def crowded(number: int) -> Case:
    """A case with everything a page can show: many vendors, some taken under a reference that other cases share, some
    in need of attention or an identifier, suggestions, a second plan version, notes, calls."""
    accounts(number)
    case = approved_case(identifiers=[("customer_id", f"C-{number}"), ("email", "ada@example.org")])
    taken("E-1", name="CDP 0")
    for place in range(number):
        taken("E-1", case=case, name=f"CDP {place}")
        attention = {"status": "needs_attention", "attention_code": "refused", "next_at": None}
        SubTask.objects.filter(pk=work(case, f"Exchange {place}").pk).update(**attention)
        called(work(case, f"CDP {place}"), 3)
        lifecycle.add_note(case, by=person("ada"), text=f"note {place}")
    found(case, *(("x1_id", f"x-{place}") for place in range(number)))
    intake.add_identifier(case, by=person("mia", "intake"), kind="cookie_id", value="ck-1")
    return case


@pytest.mark.parametrize(
    ("name", "roles", "fields"), [("olive", ["intake"], {}), ("ada", ["approver"], {}), ("root", ["administrator"], {})]
)
def test_a_crowded_case_takes_as_many_queries_as_a_small_one_and_at_most_twenty(signed_in, name, roles, fields):
    client = signed_in(name, *roles, **fields)
    small, large = crowded(1), crowded(4)
    few, many = queries(client, small), queries(client, large)
    assert few == many
    assert many <= MOST


def test_a_draft_and_a_case_that_awaits_approval_take_as_few(signed_in):
    accounts(3)
    client = signed_in("ada", "administrator")
    assert queries(client, opened_case()) <= MOST
    assert queries(client, opened_case(submit=True)) <= MOST
