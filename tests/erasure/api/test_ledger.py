"""The ledger of recipients over the API: vendors by themselves, further ones by id, and never a name."""

import pytest

from erasure.models import Recipient
from tests.erasure.api.conftest import pointers, refused

NAME = "Zq7xk advertising network"


@pytest.fixture
def running(crm, legal, opened) -> dict:
    case = opened(submit=True)
    approved = legal.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]})
    assert approved.status_code == 200
    return approved.json()


def at(case: dict, more: str = "") -> str:
    return f"/api/v1/cases/{case['reference']}/{more}"


def line(case: dict, key: str) -> dict:
    return next(item for item in case["recipients"] if item["recipient"] == key)


def test_vendors_are_in_the_ledger_by_themselves(running):
    assert [item["vendor"] for item in running["recipients"]] == ["paper-archive", "shop-search"]
    assert line(running, "shop-search") == {
        "recipient": "shop-search",
        "vendor": "shop-search",
        "standing": "under_way",
        "told_on": None,
        "channel": "",
        "confirmed_on": None,
        "reason": "",
        "why_not": "",
    }


def test_a_further_recipient_is_added_as_the_last_line_then_told_and_its_name_is_never_shown(crm, running):
    answer = crm.post(at(running, "recipients/"), {"name": NAME})
    added = answer.json()["recipients"][-1]
    assert (added["vendor"], added["standing"]) == (None, "open")
    assert added["recipient"] == str(Recipient.objects.get().pk)
    told = crm.post(at(running, "recipients/told/"), {"recipient": added["recipient"], "channel": "email"})
    assert told.status_code == 200
    shown = line(told.json(), added["recipient"])
    assert (shown["standing"], shown["channel"]) == ("told", "email")
    assert shown["told_on"]
    for page in (answer, told, crm.get(at(running)), crm.get("/api/v1/cases/")):
        assert "Zq7xk" not in page.content.decode()
    again = {"recipient": added["recipient"], "channel": "email"}
    refused(crm.post(at(running, "recipients/told/"), again), 409, "already_told")
    refused(crm.post(at(running, "recipients/"), {"name": NAME}), 409, "already_listed")


def test_a_why_not_takes_its_justification(crm, running):
    given = {"recipient": "shop-search", "why": "impossible"}
    assert "/note" in pointers(refused(crm.post(at(running, "recipients/not-told/"), given), 422, "invalid"))
    answer = crm.post(at(running, "recipients/not-told/"), given | {"note": "The company is gone."})
    shown = line(answer.json(), "shop-search")
    assert (shown["standing"], shown["reason"], shown["why_not"]) == ("excused", "impossible", "it is impossible")


def test_who_is_not_in_the_ledger_is_a_wrong_field(crm, running):
    given = {"recipient": "cdp", "channel": "email"}
    assert pointers(refused(crm.post(at(running, "recipients/told/"), given), 422, "invalid")) == ["/recipient"]
