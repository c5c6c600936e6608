"""What a call holds: the ids of which sub-tasks, why, and since when."""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses

from erasure.connectors.acquia import MOST_IDS, Acquia
from erasure.connectors.base import Go, Id, Operation, Stay, Work
from erasure.connectors.http import Http
from erasure.states import Ground, Regime

from ..driver import Drive, together
from .conftest import ANNA, BASE, BERT, CARA, NETWORK, PATH, Vendor, in_json, lists, many

BY_DATA_SUBJECT = "GDPR: Erasure request is made by the data subject."
NOT_RELEVANT = "GDPR: Data is no longer relevant to the business."
BY_CONSUMER = "CCPA: Erasure request is made by the consumer."
OF_THE_VENDOR = {
    ("gdpr", "subject_request"): BY_DATA_SUBJECT,
    ("gdpr", "no_longer_needed"): NOT_RELEVANT,
    ("uk_gdpr", "subject_request"): BY_DATA_SUBJECT,
    ("uk_gdpr", "no_longer_needed"): NOT_RELEVANT,
    ("ccpa", "subject_request"): BY_CONSUMER,
}

# --- the body ---------------------------------------------------------------------------------------------------------


def test_a_call_holds_what_the_vendor_requires_and_nothing_else(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(ANNA, BERT).once()
    (request,), (body,) = vendor.requests, vendor.bodies
    assert (request.method, request.url) == ("POST", BASE + PATH)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer fixed-token-1"
    date = body.pop("requestedDate")
    assert body == {"reason": BY_DATA_SUBJECT, "customerIds": ["Anna-7", "Bert-8"], "requestOrigin": "erasure-desk"}
    sent = datetime.strptime(date, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - sent < timedelta(minutes=1)


def test_what_is_optional_is_sent_if_the_account_says_so(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(request_origin="our desk", requested_by="Privacy team", send_tenant_id=True).once()
    (body,) = vendor.bodies
    assert (body["requestOrigin"], body["requestedBy"], body["tenantId"]) == ("our desk", "Privacy team", "1234")
    assert len(body) == 6


@pytest.mark.parametrize(("option", "query"), [(False, ""), (True, "failOnNotFound=true")])
def test_the_query_is_there_only_if_the_account_says_so(
    vendor: Vendor, drive: Callable[..., Drive], option: bool, query: str
) -> None:
    drive(fail_on_not_found=option).once()
    assert urlsplit(str(vendor.requests[0].url)).query == query


@pytest.mark.parametrize(
    ("sent_at", "date"),
    [
        (datetime(2022, 2, 3, tzinfo=UTC), "2022-02-03 00:00:00 UTC"),
        (datetime(2022, 2, 3, 23, 59, 59, 999_999, tzinfo=UTC), "2022-02-03 23:59:59 UTC"),
        (datetime(2022, 2, 3, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2022-02-02 23:30:00 UTC"),
        (datetime(2024, 3, 31, 2, 5, 9, tzinfo=timezone(-timedelta(hours=11))), "2024-03-31 13:05:09 UTC"),
    ],
)
def test_the_date_is_the_time_of_sending_in_utc_and_never_in_the_future(
    vendor: Vendor, sent_at: datetime, date: str
) -> None:
    works = [
        Work(ref, Operation.ERASE, (ANNA,), "gdpr", "other", at, due=(ANNA,))
        for ref, at in (("later", sent_at + timedelta(microseconds=1)), ("first", sent_at))
    ]
    Acquia(Acquia.Options("1234")).submit(works, Http(BASE, NETWORK))
    assert vendor.bodies[0]["requestedDate"] == date


# --- why --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("regime", "ground"), list(product(Regime.values, Ground.values)))
def test_every_law_and_ground_has_a_reason_of_the_vendors_or_is_told_as_another(
    vendor: Vendor, drive: Callable[..., Drive], regime: str, ground: str
) -> None:
    drive(regime=regime, ground=ground).once()
    told = vendor.bodies[0]["reason"]
    assert told == OF_THE_VENDOR.get((regime, ground), told)
    assert ((regime, ground) in OF_THE_VENDOR) != told.startswith("Other: ")


def test_every_other_ground_is_told_in_words_of_its_own(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    for ground in Ground.values:
        drive(regime="own", ground=ground).once()
    told = [body["reason"] for body in vendor.bodies]
    assert len(set(told)) == len(told) == len(Ground.values)
    assert told[0] == "Other: The person asks for the erasure."


def test_only_cases_with_the_same_reason_share_a_call(drive: Callable[..., Drive]) -> None:
    def company(**kwargs: Any) -> str:
        return drive(**kwargs).connector.company(drive(**kwargs).work())

    assert company() == company(regime="uk_gdpr")
    assert company() != company(ground="no_longer_needed")
    assert company(regime="ccpa", ground="objection") == company(ground="objection")
    assert company(fail_on_not_found=True) != company(fail_on_not_found=True)


# --- how many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "calls"), [(1, [1]), (200, [200]), (201, [200, 1]), (450, [200, 200, 50])])
def test_a_call_carries_200_ids_at_most_and_the_rest_follows_at_once(
    vendor: Vendor, drive: Callable[..., Drive], count: int, calls: list[int]
) -> None:
    sub_task = drive(*many(count))
    for more in range(len(calls) - 1, -1, -1):
        result = sub_task.once()
        assert isinstance(result, Stay if more else Go)
        if more:
            assert result.after == timedelta(0)
    assert [len(ids) for ids in vendor.asked] == calls
    assert sorted(each for ids in vendor.asked for each in ids) == [item.value for item in many(count)]
    assert sub_task.step == "await_acting"


def test_the_step_takes_as_many_as_the_vendor() -> None:
    assert Acquia.steps["submit"].batch == Acquia.steps["ask_again"].batch == MOST_IDS == 200


def test_ids_of_many_cases_share_a_call_up_to_its_limit(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    ids = many(220)
    one, two = drive(*ids[:150]), drive(*ids[150:])
    assert isinstance(together(one, two)[1], Stay)
    assert (one.step, two.step) == ("await_acting", "submit")
    assert isinstance(two.once(), Go)
    assert [len(asked) for asked in vendor.asked] == [200, 20]


# --- which ------------------------------------------------------------------------------------------------------------


def test_a_value_of_several_cases_and_twice_in_one_is_sent_once(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    same, again = Id("same", "customer_id", "Anna-7"), Id("again", "crm_id", "Anna-7")
    kinds = ["customer_id", "crm_id"]
    one, two = drive(ANNA, again, BERT, customer_ids_from=kinds), drive(CARA, same, customer_ids_from=kinds)
    together(one, two)
    assert vendor.asked == [["Anna-7", "Bert-8", "Cara-9"]]
    assert one.said["anna"] == one.said["again"] == two.said["same"]
    assert one.said.keys() == {"anna", "again", "bert"}
    assert two.said.keys() == {"cara", "same"}


@pytest.mark.parametrize(
    "values",
    [
        ("Anna-7", "anna-7", "ANNA-7"),
        (unicodedata.normalize("NFC", "Žofie"), unicodedata.normalize("NFD", "Žofie"), "Zofie"),
        ("007", "7", "7.0", "07"),
        ("straße", "strasse", "STRASSE"),
        ("a b", "a\u00a0b", "a  b"),
        ('qu"ote', "back\\slash", "ta\tb", '{"id": 1}', "=1+1"),
    ],
)
def test_variants_are_ids_of_their_own_and_arrive_as_they_are(
    vendor: Vendor, drive: Callable[..., Drive], values: tuple[str, ...]
) -> None:
    vendor.where[values[0]] = ["notFound"]
    sub_task = drive(*(Id(f"ref-{number}", "customer_id", value) for number, value in enumerate(values)))
    sub_task.once()
    assert vendor.asked == [list(values)]
    assert [sub_task.outcomes[f"ref-{number}"][0] for number in range(len(values))] == [
        "not_held",
        *["pending"] * (len(values) - 1),
    ]


@pytest.mark.parametrize("value", ["7", "12345678901234567890", "1e3", "0x10", "-0", "١٢٣"])
def test_an_id_of_digits_is_a_text_both_ways(vendor: Vendor, drive: Callable[..., Drive], value: str) -> None:
    sub_task = drive(Id("one", "customer_id", value))
    vendor.instead = [in_json(lists("evt", readyForDataErasure=[value]))]
    sub_task.once()
    assert json.loads(vendor.requests[0].body or b"")["customerIds"] == [value]
    assert sub_task.said["one"].reference == "evt"


def test_the_options_say_which_kinds_are_customer_ids(replies: responses.RequestsMock) -> None:
    options = Acquia.Options("1234", customer_ids_from=("customer_id", "email"))
    assert Acquia(options).accepts == {"customer_id": "customerIds", "email": "customerIds"}
    assert Acquia(options).as_sent("email", "Anna@Example.org") == "Anna@Example.org"
