"""What every connector makes of replies that are broken: it takes none for an end, nothing of what it knew is lost, and
a retry by hand comes to one.

Some are what servers say when something is wrong; others are the vendor's own right reply, spoilt on its way. They come
at each step that calls, in the first way of setting up an account that comes by it, and at sign-ins."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from erasure.connectors.base import BrokenReply, Finish, HandOver, Operation, Outcome
from erasure.sandbox import Fault
from erasure.sandbox.wire import Reply

from .contract import JSON, SAMPLES, SIGNING_IN, STEPS, Account, account
from .driver import Drive

Change = Callable[[Reply], Reply]

# --- what servers say when something is wrong -------------------------------------------------------------------------

BREAKAGES: Mapping[str, Mapping[str, Any]] = {
    "page": {"status": 200},
    "page_404": {"status": 404},
    "page_called_json": {"status": 200, "content_type": JSON},
    "half_json": {"status": 200, "content_type": JSON, "body": '{"jid": "x", "status": "done"'},
    "twice_json": {"status": 200, "content_type": JSON, "body": '{"status": "error", "status": "done"}'},
    "empty_object": {"status": 200, "content_type": JSON, "body": "{}"},
    "list": {"status": 200, "content_type": JSON, "body": "[]"},
    "nothing": {"status": 200, "content_type": JSON, "body": ""},
    "no_content": {"status": 204, "content_type": JSON, "body": ""},
    "redirect": {"status": 307, "headers": {"Location": "https://elsewhere.example/"}},
    "broken_file": {"status": 200, "content_type": "application/zip", "body": "PK no more"},
}
BROKEN, SILENT = [], []  # it is no breakage that nothing is said where nothing is documented
for (_key, _way), _step in (param.values for param in STEPS):
    for _breakage in BREAKAGES:
        _silent = _step in SAMPLES[_key].silent and _breakage in ("empty_object", "nothing", "no_content")
        _param = pytest.param((_key, _way), _step, _breakage, id=f"{_key}-{_way}-{_step}-{_breakage}")
        (SILENT if _silent else BROKEN).append(_param)


def is_not_taken(drive: Drive) -> None:
    """One pass: its answer is broken, or for a person to look at, and nothing is said of anybody."""
    said = dict(drive.said)
    try:
        result = drive.once()
    except BrokenReply:
        drive.unknown()
    else:
        assert isinstance(result, HandOver)
        assert result.to == "attention"
    assert drive.said == said


@pytest.mark.parametrize(("at_vendor", "step", "breakage"), BROKEN, indirect=["at_vendor"])
def test_a_broken_reply_never_counts_as_an_end_and_a_retry_by_hand_comes_to_one(
    at_vendor: Account, step: str, breakage: str
) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault("reply", process=True, **BREAKAGES[breakage]))
    is_not_taken(drive)
    at_vendor.finish(drive)


@pytest.mark.parametrize(("at_vendor", "step", "breakage"), SILENT, indirect=["at_vendor"])
def test_where_no_reply_is_documented_a_success_that_says_nothing_is_one(
    at_vendor: Account, step: str, breakage: str
) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault("reply", process=True, **BREAKAGES[breakage]))
    if not isinstance(drive.once(), Finish):
        at_vendor.finish(drive)
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive)


@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_sign_in_without_a_token_is_no_sign_in(at_vendor: Account, breakage: str) -> None:
    drive = at_vendor.drive(next(iter(at_vendor.connector.starts)))
    at_vendor.stand_in.faults.add(Fault("reply", process=True, **BREAKAGES[breakage]))
    with pytest.raises(BrokenReply):
        drive.once()
    assert at_vendor.journal() == []
    at_vendor.finish(drive)


# --- the right reply, spoilt ------------------------------------------------------------------------------------------


def a_key_twice(reply: Reply) -> Reply:
    name = next(iter(json.loads(reply.body)))
    return replace(reply, body=reply.body[:-1] + f', "{name}": null}}'.encode())


MEGABYTES = gzip.compress(b" " * 50_000_000)


def packed(reply: Reply) -> Reply:
    return replace(reply, body=gzip.compress(reply.body) + MEGABYTES, headers={"Content-Encoding": "gzip"})


def bare(more: bytes) -> Change:
    """Adds to an object what no JSON may hold."""
    return lambda reply: replace(reply, body=reply.body[:-1] + more + b"}")


#: Of every reply.
ANY: dict[str, Change] = {
    "a gzip bomb": packed,
    "called a page": lambda reply: replace(reply, content_type="text/html; charset=utf-8"),
    "called an image": lambda reply: replace(reply, content_type="image/png"),
    "moved": lambda reply: replace(reply, status=302, headers={"Location": "https://elsewhere.example/"}),
    "200,000 lists": lambda reply: replace(reply, body=b"[" * 200_000),
}
#: Of a JSON object: two readers could understand it in two ways, or it would cost the desk dear.
OBJECT: dict[str, Change] = {
    **ANY,
    "without its end": lambda reply: replace(reply, body=reply.body[:-1]),
    "half": lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]),
    "twice": lambda reply: replace(reply, body=reply.body * 2),
    "in a list": lambda reply: replace(reply, body=b"[" + reply.body + b"]"),
    "as a text": lambda reply: replace(reply, body=json.dumps(reply.body.decode()).encode()),
    "in UTF-16": lambda reply: replace(reply, body=reply.body.decode().encode("utf-16")),
    "not in UTF-8": bare(b', "x": "\xff"'),
    "a key twice": a_key_twice,
    "half a surrogate pair": bare(b', "x": "\\ud800"'),
    "NaN": bare(b', "x": NaN'),
    "Infinity": bare(b', "x": -Infinity'),
    "a number out of range": bare(b', "x": 1e999'),
    "a number of 5,000 digits": bare(b', "x": ' + b"9" * 5_000),
    "200,000 levels": bare(b', "x": ' + b'{"x":' * 100_000 + b"[" * 100_000 + b"]" * 100_000 + b"}" * 100_000),
    "more than a megabyte": bare(b', "x": "' + b"x" * (1 << 20) + b'"'),
    "blanks without end": lambda reply: replace(reply, body=reply.body + b" " * (2 << 20)),
}
FILE: dict[str, Change] = {
    **ANY,
    "nothing": lambda reply: replace(reply, body=b""),
    "its first bytes": lambda reply: replace(reply, body=reply.body[:20]),
    "another order": lambda reply: replace(reply, body=reply.body[::-1]),
    "a page": lambda reply: replace(reply, body=b"<!DOCTYPE html><html><h1>Sign in</h1></html>"),
}
SPOILT = [
    pytest.param(
        (key, way),
        step,
        change if step not in SAMPLES[key].silent else (lambda reply, change=change: change(an_object(reply))),
        id=f"{key}-{way}-{step}-{name}",
    )
    for (key, way), step in (param.values for param in STEPS)
    for name, change in (FILE if step in SAMPLES[key].files else OBJECT).items()
]


def an_object(reply: Reply) -> Reply:
    """Where nothing is documented: a success in JSON."""
    return replace(reply, body=b'{"seen": 1}')


@pytest.mark.parametrize(("at_vendor", "step", "change"), SPOILT, indirect=["at_vendor"])
def test_a_right_reply_that_is_spoilt_is_no_answer_and_a_retry_by_hand_comes_to_one(
    at_vendor: Account, step: str, change: Change
) -> None:
    drive = at_vendor.at(step)
    right = at_vendor.spoil(change)
    is_not_taken(drive)
    assert len(right) == 1
    at_vendor.finish(drive)


@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
@pytest.mark.parametrize("change", OBJECT.values(), ids=OBJECT)
def test_a_right_sign_in_that_is_spoilt_is_none(at_vendor: Account, change: Change) -> None:
    drive = at_vendor.drive(next(iter(at_vendor.connector.starts)))
    at_vendor.spoil(change)
    with pytest.raises(BrokenReply):
        drive.once()
    assert at_vendor.journal() == []
    at_vendor.finish(drive)


# --- fields that hold something else ----------------------------------------------------------------------------------

MISSING = object()
ODD = (MISSING, None, True, -1, 1.5, "", "odd", [], [None], {})
NO_OBJECTS = {(key, step) for key, sample in SAMPLES.items() for step in (*sample.files, *sample.silent)}
OBJECTS = [param for param in STEPS if (param.values[0][0], param.values[1]) not in NO_OBJECTS]


def with_one_field_odd(reply: Reply) -> Iterator[Reply]:
    told = json.loads(reply.body)
    for name in told:
        for odd in ODD:
            changed = {**told, name: odd}
            if odd is MISSING:
                del changed[name]
            yield replace(reply, body=json.dumps(changed).encode())


def comes_to_a_true_end(at_vendor: Account, drive: Drive) -> None:
    """However often a person has to try again, in the end nothing is said to be erased that is still held, nor that
    nothing was held of somebody who was."""
    for _try in range(3):
        if drive.results and isinstance(drive.results[-1], Finish):
            break
        try:
            end = drive.run(at_vendor.wait)
        except BrokenReply:
            drive.unknown()
        else:
            if isinstance(end, HandOver) and end.to == "attestation":
                break
    else:
        raise AssertionError("no end")
    outcomes = {said.outcome for said in drive.said.values()}
    if drive.operation == Operation.ERASE:
        assert Outcome.NOT_HELD not in outcomes or drive.again
        assert not {Outcome.ERASED, Outcome.NOT_HELD} & outcomes or at_vendor.stand_in.held() == {}


@pytest.mark.parametrize(("which", "step"), OBJECTS)
def test_whatever_a_field_of_a_right_reply_holds_no_end_is_made_up(which: tuple[str, int], step: str) -> None:
    with account(*which) as at_vendor:
        drive, right = at_vendor.at(step), at_vendor.spoil(lambda reply: reply)
        drive.once()
    replies = [reply.body for reply in with_one_field_odd(right[0])]
    assert len(replies) >= len(ODD)
    for number in range(len(replies)):
        with account(*which) as at_vendor:
            drive = at_vendor.at(step)
            at_vendor.spoil(lambda reply, number=number: list(with_one_field_odd(reply))[number])
            before = deepcopy((drive.step, drive.memory, drive.said))
            try:
                at_vendor.wait(drive.once())
            except BrokenReply:
                assert (drive.step, drive.memory, drive.said) == before, replies[number]
            comes_to_a_true_end(at_vendor, drive)
