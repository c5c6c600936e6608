"""A repeated POST is answered alike and done once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from compliance import clock
from compliance.staff.models import IdempotentReply
from erasure import lifecycle
from erasure.api import cases
from erasure.models import Case
from tests import factories
from tests.erasure.api.conftest import VALUES, as_account, body, refused

KEY = {"Idempotency-Key": "7d0c1f9e-order-17"}
URL = "/api/v1/cases/"


def test_a_repeat_is_answered_alike_and_done_once(crm):
    first = crm.post(URL, body(), headers=KEY)
    again = crm.post(URL, body(), headers=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Case.objects.count() == 1


def test_without_a_key_each_request_is_its_own(crm):
    crm.post(URL, body())
    crm.post(URL, body())
    assert Case.objects.count() == 2
    assert not IdempotentReply.objects.exists()


def test_the_same_request_written_otherwise_is_the_same(crm):
    crm.post(URL, body(), headers=KEY)
    again = crm.post(URL, dict(reversed(body().items())), headers=KEY)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_key_of_another_request_is_refused(crm, opened):
    case = opened(submit=True)
    assert crm.post(f"{URL}{case['reference']}/hold/", headers=KEY).status_code == 200
    refused(crm.post(f"{URL}{case['reference']}/release/", headers=KEY), 422, "idempotency_key_reused")
    refused(crm.post(f"{URL}{case['reference']}/hold/", {"note": "x"}, headers=KEY), 422, "idempotency_key_reused")
    assert Case.objects.get().held_at


def test_a_key_belongs_to_its_account(crm, legal):
    assert crm.post(URL, body(), headers=KEY).status_code == 201
    other = legal.post(URL, body(), headers=KEY)
    assert "Idempotency-Replayed" not in other.headers
    assert Case.objects.count() == 2
    second_token = as_account("crm")
    assert second_token.post(URL, body(), headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_a_repeat_needs_the_scope_too(crm):
    crm.post(URL, body(), headers=KEY)
    refused(as_account("crm", "cases:read").post(URL, body(), headers=KEY), 403, "missing_scope")


def test_a_refusal_is_not_kept(crm, legal, opened):
    case = opened()
    url = f"{URL}{case['reference']}/release/"
    refused(crm.post(url, headers=KEY), 409, "not_held")
    assert not IdempotentReply.objects.exists()
    lifecycle.hold(Case.objects.get(), by=factories.person("olive"))
    assert crm.post(url, headers=KEY).status_code == 200
    refused(crm.post(URL, body(kind="x"), headers={"Idempotency-Key": "other"}), 422, "invalid")
    assert IdempotentReply.objects.count() == 1


@pytest.mark.parametrize("action", ["search/", ""])
def test_the_key_is_honoured_by_every_post(crm, opened, action):
    sent = body() if not action else {"identifier": {"kind": "email", "value": VALUES["email"]}}
    first = crm.post(f"{URL}{action}", sent, headers=KEY)
    opened()
    assert crm.post(f"{URL}{action}", sent, headers=KEY).json() == first.json()


@pytest.mark.parametrize("key", ["", " ", "two words", "ä", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_refused(crm, key):
    refused(crm.post(URL, body(), headers={"Idempotency-Key": key}), 400, "malformed_request")
    assert not Case.objects.exists()


def test_a_crash_after_the_change_leaves_neither_change_nor_reply(crm, monkeypatch):
    def crash(*args):
        raise SystemExit("killed")

    monkeypatch.setattr(cases, "show", crash)
    with pytest.raises(SystemExit):
        crm.post(URL, body(), headers=KEY)
    assert not Case.objects.exists()
    assert not IdempotentReply.objects.exists()
    monkeypatch.undo()
    assert crm.post(URL, body(), headers=KEY).status_code == 201


def test_nothing_that_was_sent_is_kept(crm):
    key = {"Idempotency-Key": VALUES["email"]}
    crm.post(URL, body(external_id=VALUES["external_id"]), headers=key)
    kept = str(IdempotentReply.objects.values().get())
    for secret in VALUES.values():
        assert secret not in kept


def test_old_replies_are_forgotten(crm, turn_clock):
    crm.post(URL, body(), headers=KEY)
    turn_clock(timedelta(days=6))
    crm.post(URL, body(), headers={"Idempotency-Key": "newer"})
    assert IdempotentReply.forget(clock.now() - timedelta(days=7)) == 0
    turn_clock(timedelta(days=2))
    assert IdempotentReply.forget(clock.now() - timedelta(days=7), limit=10) == 1
    assert IdempotentReply.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_duplicates_at_the_same_moment_are_done_once(vendors):
    clients = [as_account("crm") for _ in range(4)]
    start = threading.Barrier(len(clients), timeout=60)
    replies: list = []

    def send(client) -> None:
        try:
            start.wait()
            replies.append(client.post(URL, body(external_id=VALUES["external_id"]), headers=KEY))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert [reply.status_code for reply in replies] == [201] * 4
    assert len({reply.json()["reference"] for reply in replies}) == 1
    assert sorted("Idempotency-Replayed" in reply.headers for reply in replies) == [False, True, True, True]
    assert Case.objects.count() == 1
