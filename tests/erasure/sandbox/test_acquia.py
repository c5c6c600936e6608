import base64
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erasure.sandbox import STAND_INS, Acquia, Fault
from erasure.sandbox.acquia import PUBLISHED_QUOTA

from .conftest import BASIC, Answer, Client

PATH = "/v2/1234/dw/dataerasure"
BEARER = {"Authorization": "Bearer sandbox-token"}
JSON = {"Content-Type": "application/json"}
BODY = {
    "reason": "GDPR: Erasure request is made by the data subject.",
    "customerIds": ["C-1"],
    "requestOrigin": "tests",
    "requestedDate": "2022-02-03 00:00:00 UTC",
}
LISTS = ("readyForDataErasure", "notFound", "pendingForDataErasure", "failedToAccept")
LOGIN = {"action": "login"}
CREATE = {"action": "create", "scheme": "a1user"}


class Cdp(Client):
    """The vendor's calls as a well-behaved client makes them, unless told otherwise."""

    def send(self, body: Any, path: str = PATH, headers: dict[str, str] = BEARER | JSON, **query: Any) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self("POST", path, headers, content, **query)

    def erase(self, *ids: str, **query: Any) -> Answer:
        return self.send(BODY | {"customerIds": ids}, **query)

    def lists(self, *ids: str, **query: Any) -> dict[str, list[str]]:
        """The four lists of a reply, without the empty ones."""
        answer = self.erase(*ids, **query)
        assert answer.status == 200, answer.body
        assert set(answer.json) == {"eventId", *LISTS}
        return {name: answer.json[name] for name in LISTS if answer.json[name]}

    def token(self, path: str = "/authentication", query: dict[str, str] = LOGIN) -> dict[str, str]:
        answer = self("POST", path, BASIC, **query)
        assert answer.status == 200
        assert answer.json["token_type"] == "Bearer"
        return {"Authorization": "Bearer " + answer.json["access_token"]}

    def takes(self, token: dict[str, str]) -> bool:
        """Whether this token opens the erasure call, found out without an erasure."""
        status = self.send({}, headers=token | JSON).status
        assert status in (400, 401)
        return status == 400


@pytest.fixture
def acquia() -> Iterator[Acquia]:
    """A stand-in whose clock stands still."""
    with Acquia(begins=datetime(2026, 3, 2, 12, tzinfo=UTC)).start() as stand_in:
        yield stand_in


@pytest.fixture
def cdp(acquia: Acquia) -> Cdp:
    return Cdp(acquia.url)


def queued(acquia: Acquia) -> list[tuple[str, tuple[str, ...]]]:
    return [(entry.job, entry.ids) for entry in acquia.journal.entries(effect="erasure_queued")]


def assert_error(answer: Answer, status: int) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert set(answer.json) == {"errorCode", "userMessage", "developerMessage"}


def assert_page(answer: Answer, status: int) -> None:
    assert (answer.status, answer.headers.get_content_type()) == (status, "text/html")


def test_it_is_the_second_stand_in_and_says_what_an_account_needs(acquia: Acquia) -> None:
    assert list(STAND_INS)[:2] == ["apptus", "acquia"]
    assert set(acquia.credentials) == {"token", "username", "password"}
    assert acquia.options == {"tenant_id": "1234"}


# --- credentials ---


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "sandbox-token", "Basic sandbox-token", BASIC["Authorization"], ""]
)
def test_a_wrong_token_is_refused_and_does_nothing(cdp: Cdp, acquia: Acquia, header: str) -> None:
    acquia.hold("C-1")
    answer = cdp.send(BODY, headers=JSON | {"Authorization": header})
    assert_page(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert acquia.pending() == set()
    assert acquia.journal.entries()[0].authorised is False


@pytest.mark.parametrize(("path", "query"), [("/authentication", LOGIN), ("/token", CREATE)])
def test_both_sign_ins_make_a_token_that_opens_the_erasure_call(
    cdp: Cdp, acquia: Acquia, path: str, query: dict[str, str]
) -> None:
    assert cdp.takes(cdp.token(path, query))
    assert [entry.job for entry in acquia.journal.entries(effect="token_made")] == ["1"]


@pytest.mark.parametrize("path", ["/authentication", "/token"])
@pytest.mark.parametrize(
    "header",
    [
        BEARER["Authorization"],
        "Basic " + base64.b64encode(b"sandbox:wrong").decode(),
        "Basic " + base64.b64encode(b"sandbox").decode(),
        "Basic sandbox:sandbox-password",
        "",
    ],
)
def test_a_sign_in_wants_name_and_password(cdp: Cdp, acquia: Acquia, path: str, header: str) -> None:
    answer = cdp("POST", path, {"Authorization": header}, **(LOGIN if path == "/authentication" else CREATE))
    assert_page(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert acquia.journal.entries(effect="token_made") == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/authentication", {}),
        ("/authentication", CREATE),
        ("/authentication", {"action": ["login", "login"]}),
        ("/authentication", {"action": "LOGIN"}),
        ("/token", LOGIN),
        ("/token", {"action": "create"}),
        ("/token", {"action": "create", "scheme": "other"}),
    ],
)
def test_a_sign_in_with_another_query_is_refused(cdp: Cdp, acquia: Acquia, path: str, query: dict[str, Any]) -> None:
    assert_page(cdp("POST", path, BASIC, **query), 400)
    assert acquia.journal.entries(effect="token_made") == []


def test_a_token_lasts_as_long_as_its_reply_says_by_the_stand_ins_clock(acquia: Acquia, cdp: Cdp) -> None:
    token = cdp.token()
    seconds = cdp("POST", "/authentication", BASIC, **LOGIN).json["expires_in"]
    acquia.clock.advance((seconds - 1) / 86_400)
    assert cdp.takes(token)
    acquia.clock.advance(1.5 / 86_400)
    assert not cdp.takes(token)
    assert cdp.takes(cdp.token())
    assert cdp.takes(BEARER), "the fixed token lasts"


@pytest.mark.parametrize("one_session", [False, True])
def test_a_new_token_ends_the_earlier_ones_where_told_to(one_session: bool) -> None:
    with Acquia(one_session=one_session).start() as acquia:
        cdp = Cdp(acquia.url)
        first, second = cdp.token(), cdp.token("/token", CREATE)
        assert cdp.takes(first) is not one_session
        assert cdp.takes(second)
        assert cdp.takes(BEARER)


def test_a_logout_ends_its_token_and_no_other(cdp: Cdp, acquia: Acquia) -> None:
    first, second = cdp.token(), cdp.token()
    assert cdp("POST", "/authentication", BASIC, action="logout").status == 401
    assert cdp("POST", "/authentication", first, action="logout").status == 200
    assert not cdp.takes(first)
    assert cdp.takes(second)
    assert cdp("POST", "/authentication", first, action="logout").status == 401
    assert len(acquia.journal.entries(effect="token_ended")) == 1


def test_no_token_gets_into_the_journal(cdp: Cdp) -> None:
    token = cdp.token()
    assert cdp.takes(token)
    text = cdp.control("GET", "journal").body.decode()
    for secret in (token["Authorization"].split()[1], "sandbox-token", "sandbox-password"):
        assert secret not in text


# --- what is refused ---


@pytest.mark.parametrize(
    "path", ["/v2/12345/dw/dataerasure", "/v1/1234/dw/dataerasure", PATH + "/", PATH.upper(), "/v2/dw/dataerasure", "/"]
)
def test_a_wrong_tenant_or_path_is_an_html_404(cdp: Cdp, acquia: Acquia, path: str) -> None:
    acquia.hold("C-1")
    assert_page(cdp.send(BODY, path), 404)
    assert acquia.pending() == set()


@pytest.mark.parametrize("path", [PATH, "/authentication", "/token"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_everything_is_a_post(cdp: Cdp, path: str, method: str) -> None:
    answer = cdp(method, path, BEARER)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


def changed(**fields: Any) -> bytes:
    return json.dumps(BODY | fields).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff" + changed(),
        b"\xef\xbb\xbf" + changed(),
        changed()[:-1] + b', "reason": "other"}',
        *(json.dumps({name: BODY[name] for name in BODY if name != left_out}).encode() for left_out in BODY),
        changed(reason=""),
        changed(reason=" "),
        changed(reason=None),
        changed(reason=["GDPR"]),
        changed(requestOrigin=""),
        changed(requestOrigin=7),
        changed(requestedBy=7),
        changed(requestedBy=None),
        changed(tenantId="12345"),
        changed(tenantId=1234),
        changed(requestDate="2022-02-03 00:00:00 UTC"),
        changed(customerIds=[]),
        changed(customerIds="C-1"),
        changed(customerIds={"C-1": 1}),
        changed(customerIds=["C-1", 7]),
        changed(customerIds=["C-1", None]),
        changed(customerIds=["C-1", ""]),
        changed(customerIds=["C-1", "C-1"]),
        changed(customerIds=["C-1", *map(str, range(200))]),
        changed(requestedDate=1_643_846_400),
        changed(requestedDate="2022-02-03T00:00:00Z"),
        changed(requestedDate="2022-02-03 00:00:00"),
        changed(requestedDate="2022-02-03 00:00:00 CET"),
        changed(requestedDate="2022-02-03 00:00:00 +0000"),
        changed(requestedDate="2022-02-03 00:00:00.5 UTC"),
        changed(requestedDate="2022-2-3 00:00:00 UTC"),
        changed(requestedDate="2022-02-30 00:00:00 UTC"),
        changed(requestedDate="2022-02-03 24:00:00 UTC"),
        changed(requestedDate="٢٠٢٢-02-03 00:00:00 UTC"),
        changed(requestedDate="2022-02-03 00:00:00 UTC\n"),
    ],
)
def test_a_body_that_is_not_as_documented_is_refused_and_does_nothing(cdp: Cdp, acquia: Acquia, body: bytes) -> None:
    acquia.hold("C-1")
    assert_error(cdp.send(body), 400)
    assert acquia.pending() == set()
    assert queued(acquia) == []


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(cdp: Cdp, acquia: Acquia, content_type: str | None) -> None:
    acquia.hold("C-1")
    headers = BEARER if content_type is None else BEARER | {"Content-Type": content_type}
    assert_error(cdp.send(BODY, headers=headers), 400)
    assert acquia.pending() == set()


@pytest.mark.parametrize(
    "query",
    [
        {"failOnNotFound": ""},
        {"failOnNotFound": "TRUE"},
        {"failOnNotFound": "1"},
        {"failOnNotFound": ["true", "true"]},
        {"failonnotfound": "true"},
        {"failOnNotFound": "true", "more": "1"},
    ],
)
def test_another_query_is_refused(cdp: Cdp, acquia: Acquia, query: dict[str, Any]) -> None:
    acquia.hold("C-1")
    assert_error(cdp.erase("C-1", **query), 400)
    assert acquia.pending() == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "because"},
        {"requestedBy": "somebody"},
        {"tenantId": "1234"},
        {"requestedDate": "2022-02-03 00:00:00 GMT"},
    ],
)
def test_what_the_pages_allow_is_taken(cdp: Cdp, acquia: Acquia, fields: dict[str, str]) -> None:
    acquia.hold("C-1")
    headers = BEARER | {"Content-Type": "application/json; charset=UTF-8"}
    assert cdp.send(BODY | fields, headers=headers).json["readyForDataErasure"] == ["C-1"]


def test_a_requested_date_is_never_in_the_future_of_both_clocks() -> None:
    begins = datetime(2200, 1, 1, tzinfo=UTC)
    with Acquia(begins=begins).start() as acquia:
        cdp = Cdp(acquia.url)
        acquia.hold("C-1")
        acquia.hold("C-2")
        assert_error(cdp.send(changed(requestedDate="2200-01-01 00:00:01 UTC")), 400)
        assert cdp.send(changed(requestedDate="2200-01-01 00:00:00 UTC")).status == 200
        acquia.clock.advance(1)
        assert cdp.send(changed(requestedDate="2200-01-01 00:00:01 UTC", customerIds=["C-2"])).status == 200


def test_a_stand_in_whose_clock_stands_in_the_past_takes_this_machines_time(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    now = datetime.now(UTC)
    sooner, later = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (now, max(now, acquia.clock.now()) + timedelta(hours=1)))
    assert_error(cdp.send(changed(requestedDate=later)), 400)
    assert cdp.send(changed(requestedDate=sooner)).status == 200


# --- who is queued ---


def test_the_four_lists_share_out_the_ids_in_the_order_they_came(cdp: Cdp, acquia: Acquia) -> None:
    for held in ("ready-2", "ready-1", "failing", "pending"):
        acquia.hold(held, pending=held == "pending")
    acquia.failing("failing")
    assert cdp.lists("ready-1", "gone", "failing", "pending", "ready-2") == {
        "readyForDataErasure": ["ready-1", "ready-2"],
        "notFound": ["gone"],
        "pendingForDataErasure": ["pending"],
        "failedToAccept": ["failing"],
    }
    assert acquia.pending() == {"pending", "ready-1", "ready-2"}


def test_the_journal_tells_which_ids_were_queued_in_which_event(cdp: Cdp, acquia: Acquia) -> None:
    for held in ("C-1", "C-2", "C-3"):
        acquia.hold(held)
    first = cdp.erase("C-1", "C-2").json["eventId"]
    second = cdp.erase("C-2", "C-3").json["eventId"]
    third = cdp.erase("C-3").json["eventId"]
    assert queued(acquia) == [(first, ("C-1", "C-2")), (second, ("C-3",))]
    assert len({first, second, third}) == 3
    assert cdp.control("GET", "journal").json[0]["ids"] == ["C-1", "C-2"]
    assert {event.event_id: event.ids for event in acquia.events.values()} == dict(queued(acquia))


def test_ids_are_compared_as_they_are(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("c-1")
    acquia.hold("é")
    assert cdp.lists("C-1", "c-1", "c-1 ", "e\u0301", "é") == {
        "readyForDataErasure": ["c-1", "é"],
        "notFound": ["C-1", "c-1 ", "e\u0301"],
    }


def test_two_hundred_ids_are_taken_at_once(cdp: Cdp, acquia: Acquia) -> None:
    ids = [f"C-{number}" for number in range(200)]
    for held in ids:
        acquia.hold(held)
    assert cdp.lists(*ids) == {"readyForDataErasure": ids}


def test_a_call_of_which_nobody_is_known_is_a_404_with_the_documented_body(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    assert_error(cdp.erase("gone-1", "gone-2"), 404)
    assert queued(acquia) == []


def test_a_call_of_which_nobody_is_known_may_be_an_ordinary_reply_instead() -> None:
    with Acquia(none_known_is_404=False).start() as acquia:
        cdp = Cdp(acquia.url)
        assert cdp.lists("gone") == {"notFound": ["gone"]}
        assert_error(cdp.erase("gone", failOnNotFound="true"), 404)
        assert (queued(acquia), acquia.events) == ([], {})


@pytest.mark.parametrize("word", ["true", "false"])
def test_fail_on_not_found_decides_about_the_others_of_the_call(cdp: Cdp, acquia: Acquia, word: str) -> None:
    acquia.hold("C-1")
    answer = cdp.erase("C-1", "gone", failOnNotFound=word)
    if word == "true":
        assert_error(answer, 404)
    else:
        assert answer.json["notFound"] == ["gone"]
    assert acquia.pending() == (set() if word == "true" else {"C-1"})
    acquia.hold("C-2")
    assert cdp.lists("C-2", failOnNotFound=word) == {"readyForDataErasure": ["C-2"]}


def test_an_id_fails_as_often_as_told_and_a_refused_call_does_not_count(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    acquia.failing("C-1", 2)
    acquia.failing("always", None)
    assert_error(cdp.erase("C-1", "gone", failOnNotFound="true"), 404)
    assert [cdp.lists("C-1") for _ in range(4)] == [
        {"failedToAccept": ["C-1"]},
        {"failedToAccept": ["C-1"]},
        {"readyForDataErasure": ["C-1"]},
        {"pendingForDataErasure": ["C-1"]},
    ]
    assert [cdp.lists("always") for _ in range(3)] == [{"failedToAccept": ["always"]}] * 3


def test_a_poison_id_spoils_every_call_it_is_in(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    acquia.hold("bad")
    acquia.poison("bad")
    assert_error(cdp.erase("C-1", "bad"), 400)
    assert_error(cdp.erase("bad"), 400)
    assert acquia.pending() == set()
    assert cdp.lists("C-1") == {"readyForDataErasure": ["C-1"]}


# --- the queue ---


def test_an_event_is_carried_out_after_three_weeks(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1", records=3)
    acquia.hold("stays")
    event = acquia.events[cdp.erase("C-1").json["eventId"]]
    acquia.clock.advance(20.9)
    assert acquia.held() == {"C-1": 3, "stays": 1}
    assert acquia.pending() == {"C-1"}
    assert not event.completed
    assert cdp.lists("C-1") == {"pendingForDataErasure": ["C-1"]}
    acquia.clock.advance(0.2)
    assert acquia.held() == {"stays": 1}
    assert acquia.pending() == set()
    assert event.completed
    assert cdp.erase("C-1").status == 404
    assert cdp.lists("C-1", "stays") == {"notFound": ["C-1"], "readyForDataErasure": ["stays"]}


def test_the_acting_time_is_the_vendors_to_choose() -> None:
    with Acquia(act_days=14).start() as acquia:
        acquia.hold("C-1")
        Cdp(acquia.url).lists("C-1")
        acquia.clock.advance(14)
        assert acquia.held() == {}


def test_a_customer_who_comes_back_is_queued_anew(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    first = cdp.erase("C-1").json["eventId"]
    acquia.clock.advance(22)
    acquia.hold("C-1")
    again = cdp.erase("C-1").json
    assert again["readyForDataErasure"] == ["C-1"]
    assert again["eventId"] != first


def test_asking_again_does_not_put_an_erasure_off(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    cdp.lists("C-1")
    acquia.clock.advance(11)
    acquia.hold("C-1", pending=True)
    cdp.lists("C-1")
    acquia.clock.advance(11)
    assert (acquia.held(), acquia.pending()) == ({}, set())


def test_with_everyone_an_unknown_id_is_held_once_and_not_again_after_its_erasure() -> None:
    with Acquia(everyone=True).start() as acquia:
        cdp = Cdp(acquia.url)
        assert cdp.lists("C-1", "C-2", failOnNotFound="true") == {"readyForDataErasure": ["C-1", "C-2"]}
        assert acquia.held() == {"C-1": 1, "C-2": 1}
        acquia.clock.advance(22)
        assert acquia.held() == {}
        assert_error(cdp.erase("C-1"), 404)


# --- limits and faults ---


def test_a_weeks_quota_is_spent_by_every_call_with_a_right_token_and_comes_back() -> None:
    with Acquia(weekly_quota=3, everyone=True).start() as acquia:
        cdp = Cdp(acquia.url)
        cdp.erase("C-1")
        acquia.clock.advance(3)
        assert [cdp.send({}).status, cdp.send({}, headers=JSON).status, cdp.erase("C-2").status] == [400, 401, 200]
        assert_page(cdp.erase("C-3"), 429)
        assert cdp("POST", "/authentication", BASIC, **LOGIN).status == 200
        acquia.clock.advance(4)
        assert cdp.erase("C-3").status == 200
        assert cdp.erase("C-4").status == 429
        assert acquia.pending() == {"C-1", "C-2", "C-3"}


def test_there_is_no_quota_unless_it_is_asked_for(acquia: Acquia) -> None:
    assert acquia.weekly_quota is None
    assert Acquia(weekly_quota=PUBLISHED_QUOTA).weekly_quota == 9990


@pytest.mark.parametrize("process", [False, True])
def test_an_intermittent_error_says_nothing_of_whether_it_was_done(cdp: Cdp, acquia: Acquia, process: bool) -> None:
    acquia.hold("C-1")
    acquia.stumble(process=process)
    assert_error(cdp.erase("C-1"), 500)
    assert acquia.pending() == ({"C-1"} if process else set())
    assert cdp.lists("C-1") == {"pendingForDataErasure" if process else "readyForDataErasure": ["C-1"]}


def test_a_submission_whose_reply_is_lost_was_queued_all_the_same(cdp: Cdp, acquia: Acquia) -> None:
    acquia.hold("C-1")
    acquia.faults.add(Fault("close", process=True))
    with pytest.raises(http.client.RemoteDisconnected):
        cdp.erase("C-1")
    assert [ids for _, ids in queued(acquia)] == [("C-1",)]
    assert cdp.lists("C-1") == {"pendingForDataErasure": ["C-1"]}


# --- control surface ---


def test_the_control_surface_holds_fails_and_poisons(cdp: Cdp, acquia: Acquia) -> None:
    assert cdp.control("POST", "hold", {"customer_id": "C-1", "records": 2}).json == {"C-1": 2}
    cdp.control("POST", "hold", {"customer_id": "C-2", "pending": True})
    cdp.control("POST", "failing", {"customer_id": "C-1"})
    cdp.control("POST", "poison", {"customer_id": "C-3"})
    assert cdp.lists("C-1", "C-2") == {"failedToAccept": ["C-1"], "pendingForDataErasure": ["C-2"]}
    assert cdp.erase("C-3").status == 400
    assert len(acquia.journal.entries()) == 2


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("hold", {"customer_id": 7}),
        ("hold", {"customer_id": "C-1", "records": 0}),
        ("failing", {"customer_id": "C-1", "times": 0}),
        ("failing", {"customer_id": 7}),
        ("poison", {"customer_id": ["C-1"]}),
        ("poison", {}),
    ],
)
def test_a_control_that_makes_no_sense_changes_nothing(cdp: Cdp, acquia: Acquia, what: str, value: object) -> None:
    assert cdp.control("POST", what, value).status == 400
    assert acquia.held() == {}
    acquia.hold("C-1")
    assert cdp.lists("C-1") == {"readyForDataErasure": ["C-1"]}


@pytest.mark.parametrize("what", ["stumble", "start", "erase", "__init__"])
def test_no_other_method_can_be_reached(cdp: Cdp, what: str) -> None:
    assert cdp.control("POST", what, {}).status == 404
