"""What every connector does when calls go wrong: answers that are lost, every status, an account that is refused.

A fault strikes at each step that calls, in the first way of setting up an account that comes by it, and at sign-ins."""

import dataclasses
import json
from collections import Counter
from contextlib import ExitStack, suppress
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from erasure.connectors.base import (
    BrokenReply,
    Finish,
    HandOver,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryLater,
    VendorError,
)
from erasure.connectors.http import Http
from erasure.sandbox import Fault

from .contract import CALLING, JSON, NETWORK, SIGNING_IN, STEPS, Account, account
from .driver import PATIENCE, Drive

# --- no answer --------------------------------------------------------------------------------------------------------


def unaccounted(at_vendor: Account, drive: Drive, step: str, done: str) -> Counter[str]:
    """What was done at the vendor beyond a clean run and without a word, after `step` was struck once and had this
    effect. Where the connector goes on with a step that writes, the engine names a possible duplicate: each effect once
    more. A question may be asked twice. Where a step that only reads finds out, nothing may be done twice."""
    spec = at_vendor.connector.steps[step]
    more = at_vendor.effects(drive) - at_vendor.effects_of_a_clean_run(drive)
    if at_vendor.connector.steps[spec.if_unknown].writes:
        return more - Counter(list(more))
    return more if spec.writes else more - Counter([done])


@pytest.mark.parametrize("process", [True, False], ids=["done", "not_done"])
@pytest.mark.parametrize("kind", ["close", "half", "reply"])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_step_without_an_answer_comes_to_its_end_and_does_nothing_twice_in_silence(
    at_vendor: Account, step: str, kind: Any, process: bool
) -> None:
    drive = at_vendor.at(step)
    before = len(at_vendor.journal())
    at_vendor.stand_in.faults.add(Fault(kind, process=process, status=500))
    with pytest.raises((OutcomeUnknown, BrokenReply)):
        drive.once()
    drive.unknown()
    at_vendor.finish(drive)
    assert drive.said.keys() == {item.ref for item in drive.ids}
    assert unaccounted(at_vendor, drive, step, at_vendor.journal()[before].effect) == Counter()


@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_step_whose_answer_was_lost_before_it_was_written_down_is_repeated_alike(
    at_vendor: Account, step: str
) -> None:
    drive = at_vendor.at(step)
    before = len(at_vendor.journal())
    lost = deepcopy(drive)
    lost.once()
    drive.sent_at = lost.sent_at
    drive.unknown()
    at_vendor.finish(drive)
    assert drive.said.keys() == {item.ref for item in drive.ids}
    assert unaccounted(at_vendor, drive, step, at_vendor.journal()[before].effect) == Counter()


# --- every status -----------------------------------------------------------------------------------------------------

STATUSES = {
    "2xx": (201, 202, 203, 204, 205, 206, 207, 226),
    "3xx": (300, 301, 302, 303, 304, 305, 307, 308),
    "4xx": (400, 402, 404, 405, 406, 409, 410, 411, 412, 413, 415, 418, 422, 423, 424, 428, 431, 451),
    "later": (408, 425, 429, 503),
    "5xx": (500, 501, 502, 504, 505, 507, 511, 599),
}
PAGE, OBJECT, NOTHING = "<!DOCTYPE html><html><body><h1>No</h1></body></html>", '{"code": 7, "message": "no"}', ""
REFUSALS = {400, 409, 410, 413, 422}


def meaning(status: int) -> type[VendorError]:
    """What a status means that is not documented for a call."""
    if status in STATUSES["later"]:
        return RetryLater
    return OutcomeUnknown if status >= 500 else Refused if status in REFUSALS else BrokenReply


def answering(status: int, body: str) -> Fault:
    return Fault("reply", status=status, body=body, content_type="text/html" if body == PAGE else JSON)


def said_in(statuses: str) -> list[tuple[int, str]]:
    """Each status with the bodies that could make it look like an answer."""
    bodies = (PAGE, OBJECT, NOTHING) if statuses in ("2xx", "4xx") else (PAGE,)
    return [(status, body) for status in STATUSES[statuses] for body in bodies]


@pytest.mark.parametrize("statuses", STATUSES)
@pytest.mark.parametrize(("which", "step"), STEPS)
def test_a_status_is_an_answer_only_where_it_is_documented_and_never_an_end(
    which: tuple[str, int], step: str, statuses: str
) -> None:
    """What is struck is not carried out, so that a desk which took it for a success would leave something undone."""
    with ExitStack() as stack:
        drive = None
        for status, body in said_in(statuses):
            if drive is None:
                at_vendor = stack.enter_context(account(*which))
                drive = at_vendor.at(step)
            before = deepcopy((drive.step, drive.memory, drive.said, drive.evidence))
            at_vendor.stand_in.faults.add(answering(status, body))
            result = None
            try:
                result = drive.once()
            except VendorError as error:
                assert isinstance(error, meaning(status) | BrokenReply), status
                assert (drive.step, drive.memory, drive.said, drive.evidence) == before, status
                if not isinstance(error, OutcomeUnknown):
                    continue
                drive.unknown()
            asked = isinstance(result, HandOver) and result.to == "attention"
            silent = step in at_vendor.sample.silent and status < 300 and body != PAGE
            if result and not asked and not silent:
                assert {said.outcome for said in result.said.values()} == {Outcome.REFUSED}, status
            if not isinstance(result, Finish):
                end = drive.run(at_vendor.wait)
                assert isinstance(end, Finish) or end.to == "attestation" or silent or end.code == "key_refused", status
            if not asked:
                assert unaccounted(at_vendor, drive, step, "") == Counter(), status
            drive = None
        if drive:
            at_vendor.finish(drive)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_refused_credentials_are_the_accounts_fault_and_the_step_runs_again(
    at_vendor: Account, step: str, status: int
) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault("reply", status=status))
    with pytest.raises(Misconfigured):
        drive.once()
    at_vendor.finish(drive)
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive)


@pytest.mark.parametrize(("asked", "seconds"), [("120", 120), ("9" * 5_000, 86_400), ("soon", None), (None, None)])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_vendor_that_asks_to_wait_is_asked_again_after_its_time_and_nothing_is_done_twice(
    at_vendor: Account, step: str, asked: str | None, seconds: int | None
) -> None:
    drive = at_vendor.at(step)
    headers = {} if asked is None else {"Retry-After": asked}
    for status in STATUSES["later"]:
        at_vendor.stand_in.faults.add(Fault("reply", status=status, headers=headers))
        with pytest.raises(RetryLater) as raised:
            drive.once()
        assert raised.value.after == (None if seconds is None else timedelta(seconds=seconds))
    at_vendor.finish(drive)
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive)


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_the_test_of_the_connection_passes_or_fails_with_an_error_that_is_known(at_vendor: Account) -> None:
    for status, body in [pair for statuses in STATUSES for pair in said_in(statuses)]:
        fault = at_vendor.stand_in.faults.add(answering(status, body))
        try:
            at_vendor.check()
        except VendorError as error:
            assert isinstance(error, meaning(status) | BrokenReply)
        else:
            assert body != PAGE or not fault.struck, "a page is no answer"
    assert not any(entry.effect for entry in at_vendor.stand_in.journal.entries())


# --- what nobody is shown ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_vendor_that_repeats_everything_it_was_told_reveals_nothing(
    at_vendor: Account, step: str, status: int
) -> None:
    """The fixture looks through all that staff could see; here is something to find."""
    drive = at_vendor.at(step)
    told = [*drive.private, *at_vendor.access.headers().values()]
    body = json.dumps({"message": " ".join(told), "seen": told, **dict.fromkeys(told, "here"), "jid": told[0]})
    headers = {"Location": f"https://{told[0]}/{told[0]}", "Retry-After": told[0], "X-Seen": told[0]}
    at_vendor.stand_in.faults.add(Fault("reply", status=status, content_type=JSON, body=body, headers=headers))
    at_vendor.stand_in.faults.add(Fault("reply", status=status, content_type=f"text/{told[0]}", body=body))
    for _reply in range(2):
        try:
            result = drive.once()
        except VendorError:
            continue
        refused = status == 400 and {said.outcome for said in result.said.values()} == {Outcome.REFUSED}
        silent = status == 200 and step in at_vendor.sample.silent
        assert isinstance(result, HandOver) or refused or silent
        break
    assert drive.leaks() == []


# --- signing in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
def test_a_sign_in_is_answered_by_its_documented_status_alone(at_vendor: Account) -> None:
    drive = at_vendor.drive(next(iter(at_vendor.connector.starts)))
    for status in (*sum(STATUSES.values(), ()), 401, 403):
        for body in (PAGE, OBJECT, NOTHING):
            at_vendor.stand_in.faults.add(answering(status, body))
            with pytest.raises(Misconfigured if status in (401, 403) else meaning(status)):
                drive.once()
    assert at_vendor.journal() == []
    at_vendor.finish(drive)


@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
def test_a_sign_out_ends_or_is_an_error_that_the_engine_knows(at_vendor: Account) -> None:
    connector, access = at_vendor.connector, at_vendor.access
    access.headers()
    signed_in = dataclasses.replace(access.credentials, token=access.token)
    for status in (*sum(STATUSES.values(), ()), 200, 401, 403):
        for body in (PAGE, OBJECT, NOTHING):
            at_vendor.stand_in.faults.add(answering(status, body))
            http = Http(at_vendor.stand_in.url, NETWORK, secrets=access.secrets, deadline=PATIENCE)
            with suppress(VendorError):
                connector.sign_out(signed_in, http)
            assert [note.status for note in http.calls] == [status]
            assert access.token not in repr(http.calls)


@pytest.mark.parametrize("kind", ["close", "half"])
@pytest.mark.parametrize("process", [True, False], ids=["done", "not_done"])
@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
def test_a_sign_in_without_an_answer_is_made_again(at_vendor: Account, kind: Any, process: bool) -> None:
    drive = at_vendor.drive(next(iter(at_vendor.connector.starts)))
    at_vendor.stand_in.faults.add(Fault(kind, process=process))
    with pytest.raises(OutcomeUnknown):
        drive.once()
    assert at_vendor.journal() == []
    at_vendor.finish(drive)
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive)
