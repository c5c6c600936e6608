"""The first call of a plan, shown with its identifiers masked wherever and however they stand in it."""

import hashlib
import json
from urllib.parse import quote, quote_plus

import pytest

from erasure import planning
from erasure.admin.masked import first_call
from erasure.connectors.base import BrokenReply
from erasure.connectors.http import PreparedCall
from tests.factories import opened_case, work

VALUE = 'Ä b/"7"@example'


@pytest.fixture
def sub_task(shop):
    return work(opened_case(identifiers=[("customer_id", VALUE)]))


def shown(monkeypatch, sub_task, **call):
    prepared = PreparedCall(
        **{"method": "POST", "url": "https://x/", "query": {}, "content_type": None, "body": ""} | call
    )
    monkeypatch.setattr(planning, "first_call", lambda _sub_task, _uses=None: prepared)
    return first_call(sub_task)


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        VALUE.lower(),
        VALUE.upper(),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        json.dumps(VALUE)[1:-1],
        hashlib.sha256(VALUE.encode()).hexdigest(),
        hashlib.sha256(VALUE.lower().encode()).hexdigest(),
    ],
)
def test_a_value_is_masked_in_path_query_and_body(monkeypatch, sub_task, form):
    call = shown(
        monkeypatch,
        sub_task,
        url=f"https://x/person/{form}/job?id={form}",
        query={"id": form},
        body=f'{{"id": "{form}"}}',
    )
    assert form not in f"{call.address} {call.query} {call.body}"
    assert call.address.startswith("https://x/person/")
    assert call.body.startswith('{"id": "')


def test_a_query_value_that_is_not_recognised_is_hidden(monkeypatch, sub_task):
    assert shown(monkeypatch, sub_task, query={"digest": "c2VjcmV0"}).query == {"digest": "•••"}


def test_a_call_that_cannot_be_prepared_says_why(monkeypatch, sub_task):
    def broken(_sub_task, _uses=None):
        raise BrokenReply("The account has no address.")

    monkeypatch.setattr(planning, "first_call", broken)
    assert first_call(sub_task) == "The account has no address."
