"""What every connector of the registry must do and must not do. One with an API runs against its stand-in, over HTTP.

`contract.SAMPLES` says what to run them with; faults strike at every step of the first way of setting an account up."""

import ast
import dataclasses
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from erasure.connectors import REGISTRY
from erasure.connectors.base import (
    KIND,
    BrokenReply,
    Connector,
    HandOver,
    Misconfigured,
    Nothing,
    Operation,
    OutcomeUnknown,
    RetryLater,
    VendorError,
    Work,
    parse,
)
from erasure.connectors.http import Preview, Previewed
from erasure.sandbox import STAND_INS, Fault

from .contract import SAMPLES, Account, account

EVERY = [pytest.param(key, id=key) for key in REGISTRY]
#: Every way of setting up an account that calls a vendor.
ACCOUNTS = [
    (key, options, number)
    for key, connector in REGISTRY.items()
    if not connector.by_hand
    for number, options in enumerate(SAMPLES[key].options)
]
CALLING = [pytest.param((key, options), id=f"{key}-{number}") for key, options, number in ACCOUNTS]
OPERATIONS = [
    pytest.param((key, options), operation, id=f"{key}-{number}-{operation}")
    for key, options, number in ACCOUNTS
    for operation in REGISTRY[key](parse(REGISTRY[key].Options, options)).starts
]
STEPS = [
    pytest.param((key, options), step, id=f"{key}-{number}-{step}")
    for key, options, number in ACCOUNTS
    if number == 0
    for step in REGISTRY[key].steps
]
JSON = "application/json"
STDLIB_NOT_FOR_CONNECTORS = {
    "http",
    "os",
    "random",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
}


@pytest.fixture
def at_vendor(request: pytest.FixtureRequest) -> Iterator[Account]:
    with account(*request.param) as it:
        yield it


def by_options(key: str) -> list[Connector]:
    return [REGISTRY[key](parse(REGISTRY[key].Options, options)) for options in SAMPLES[key].options]


# --- what a connector says of itself ----------------------------------------------------------------------------------


def test_every_connector_has_a_sample_and_every_api_a_stand_in() -> None:
    assert SAMPLES.keys() == REGISTRY.keys()
    for key, connector in REGISTRY.items():
        assert connector.by_hand == (not SAMPLES[key].sandbox)
        assert connector.by_hand or SAMPLES[key].sandbox in STAND_INS


@pytest.mark.parametrize("key", EVERY)
def test_it_has_a_key_a_label_and_settings_that_a_form_can_show(key: str) -> None:
    connector = REGISTRY[key]
    assert connector.key == key
    assert KIND.fullmatch(key)
    assert str(connector.label)
    for shape in (connector.Options, connector.Credentials):
        for item in dataclasses.fields(shape):
            assert str(item.metadata["label"]), item.name
            assert item.metadata["effect"] in (True, False)


@pytest.mark.parametrize("key", EVERY)
def test_credentials_are_text_that_does_not_show_itself(key: str) -> None:
    shape = REGISTRY[key].Credentials
    given = {item.name: f"secret-{item.name}" for item in dataclasses.fields(shape)}
    assert "secret-" not in repr(parse(shape, given))
    assert shape is Nothing or given


@pytest.mark.parametrize("key", EVERY)
def test_it_takes_the_sample_identifiers_and_names_kinds_as_the_desk_does(key: str) -> None:
    for connector in by_options(key):
        assert {item.kind for item in SAMPLES[key].ids} <= connector.accepts.keys()
        assert all(KIND.fullmatch(kind) and name for kind, name in connector.accepts.items())
        assert all(connector.as_sent(item.kind, item.value) for item in SAMPLES[key].ids)


@pytest.mark.parametrize("key", EVERY)
def test_its_operations_begin_with_real_steps_and_are_explained(key: str) -> None:
    for connector in by_options(key):
        assert set(connector.starts) <= set(Operation)
        assert set(connector.starts.values()) <= connector.steps.keys()
        assert connector.by_hand == (not connector.starts)
        for operation in Operation:
            explained = [str(line) for line in connector.explain(operation)] + [connector.instructions(operation)]
            assert any(explained) or operation not in connector.starts
        assert not connector.by_hand or connector.instructions(Operation.ERASE)


@pytest.mark.parametrize("key", EVERY)
def test_every_step_has_a_label_and_a_way_on_when_no_reply_comes(key: str) -> None:
    connector = REGISTRY[key]
    for name, step in connector.steps.items():
        assert step.name == name
        assert str(step.label)
        assert step.if_unknown in connector.steps
        assert step.writes or step.if_unknown == name
        assert step.writes or not step.commits
    assert set(connector.renamed.values()) <= connector.steps.keys()
    assert not set(connector.renamed) & set(connector.steps)


@pytest.mark.parametrize("key", EVERY)
def test_it_touches_neither_database_nor_vault_nor_clock_nor_network(key: str) -> None:
    source = Path(inspect.getfile(REGISTRY[key]))
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [str(node.module)]
        else:
            assert not (isinstance(node, ast.ImportFrom) and node.level > 1), "a connector stays in its folder"
            assert not (isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today", "objects"))
            continue
        for name in names:
            standard = name.partition(".")[0] in sys.stdlib_module_names and name not in STDLIB_NOT_FOR_CONNECTORS
            assert standard or name == "django.utils.translation", f"{source.name} imports {name}"


# --- what it does at the vendor ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_the_test_of_the_connection_writes_nothing(at_vendor: Account) -> None:
    http = at_vendor.http()
    assert at_vendor.connector.check(http)
    assert len(http.calls) <= 1
    assert len(at_vendor.stand_in.journal.entries()) == len(http.calls)
    assert [entry.effect for entry in at_vendor.stand_in.journal.entries() if entry.effect] == []


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_the_test_of_the_connection_finds_wrong_credentials(at_vendor: Account) -> None:
    shape = REGISTRY[at_vendor.connector.key].Credentials
    wrong = parse(shape, {name: value + "x" for name, value in at_vendor.stand_in.credentials.items()})
    with pytest.raises(Misconfigured):
        at_vendor.connector.check(at_vendor.http(at_vendor.connector.headers(wrong)))


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
@pytest.mark.parametrize("body", ["", "<html>Sign in</html>", "{}", "[]", '{"'])
def test_the_test_of_the_connection_is_not_content_with_any_reply(at_vendor: Account, body: str) -> None:
    at_vendor.stand_in.faults.add(Fault("reply", status=200, content_type=JSON, body=body))
    with pytest.raises(VendorError):
        at_vendor.connector.check(at_vendor.http())


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_missing_credentials_are_found_before_anything_is_sent(at_vendor: Account) -> None:
    with pytest.raises(Misconfigured):
        at_vendor.connector.headers(parse(REGISTRY[at_vendor.connector.key].Credentials, {}))


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_every_operation_comes_to_its_end_with_an_outcome_for_every_identifier(
    at_vendor: Account, operation: Operation
) -> None:
    """The driver holds that memory is JSON, that no step makes two calls, and that no outcome stays pending."""
    drive = at_vendor.drive(operation)
    at_vendor.finish(drive)
    assert drive.said.keys() == {item.ref for item in drive.ids}
    assert len(at_vendor.stand_in.journal.entries()) == len(drive.transcripts) <= len(drive.steps)
    assert at_vendor.effects(drive)
    assert drive.assurance not in ("", "none")


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_its_first_call_can_be_shown_before_it_is_made(at_vendor: Account, operation: Operation) -> None:
    drive, connector = at_vendor.drive(operation), at_vendor.connector
    work = Work("sub-task", operation, drive.ids, "gdpr", "other", datetime.now(UTC))
    with pytest.raises(Previewed) as shown:
        getattr(connector, drive.step)(work, Preview(at_vendor.stand_in.url, headers=at_vendor.headers))
    assert shown.value.call.url.startswith(at_vendor.stand_in.url)
    assert not any(secret in repr(shown.value.call) for secret in drive.secrets if len(secret) > 8)
    assert at_vendor.stand_in.journal.entries() == []


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_the_plan_tells_every_kind_of_call_in_the_order_in_which_it_is_first_made(
    at_vendor: Account, operation: Operation
) -> None:
    drive = at_vendor.drive(operation)
    at_vendor.finish(drive)
    told = at_vendor.connector.calls(operation)
    made = [(entry.method, entry.path) for entry in at_vendor.stand_in.journal.entries()]
    steps = list(dict.fromkeys(drive.steps))
    assert [step for step, _method, _path in told] == steps
    for step, method, path in told:
        assert (method, path) in made, step
    assert {*made} <= {(method, path) for _step, method, path in told}


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_no_step_is_idle(at_vendor: Account) -> None:
    for step in at_vendor.connector.steps:
        assert at_vendor.at(step).step == step


# --- when things go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["close", "half"])
@pytest.mark.parametrize("process", [True, False], ids=["done", "not_done"])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_lost_reply_at_any_step_is_survived_with_at_most_one_more_effect_of_each_kind(
    at_vendor: Account, step: str, process: bool, kind: Any
) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault(kind, process=process))
    with pytest.raises((OutcomeUnknown, BrokenReply)):
        drive.once()
    drive.unknown()
    at_vendor.finish(drive)
    spoiled, clean = at_vendor.effects(drive), at_vendor.effects_of_a_clean_run(drive.operation)
    assert clean
    assert {effect: count for effect, count in spoiled.items() if count > clean[effect] + 1} == {}


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


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_broken_reply_never_counts_as_an_end_and_a_retry_by_hand_comes_to_one(
    at_vendor: Account, step: str, breakage: str
) -> None:
    drive = at_vendor.at(step)
    said = dict(drive.said)
    at_vendor.stand_in.faults.add(Fault("reply", process=True, **BREAKAGES[breakage]))
    try:
        result = drive.once()
    except BrokenReply:
        drive.unknown()
    else:
        assert isinstance(result, HandOver)
        assert result.to == "attention"
    assert drive.said == said
    at_vendor.finish(drive)


@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_an_undocumented_answer_in_an_otherwise_right_reply_is_not_taken(at_vendor: Account, step: str) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault("fields", fields=at_vendor.sample.odd))
    try:
        result = drive.once()
    except BrokenReply:
        return
    in_json = drive.transcripts[-1].excerpt.startswith("{")
    assert isinstance(result, HandOver) or not in_json  # a file has no fields


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
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive.operation)


@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_vendor_that_asks_to_wait_is_asked_again_after_its_time_and_nothing_is_done_twice(
    at_vendor: Account, step: str
) -> None:
    drive = at_vendor.at(step)
    at_vendor.stand_in.faults.add(Fault("reply", status=429, headers={"Retry-After": "120"}))
    with pytest.raises(RetryLater) as raised:
        drive.once()
    assert raised.value.after == timedelta(seconds=120)
    at_vendor.finish(drive)
    assert at_vendor.effects(drive) == at_vendor.effects_of_a_clean_run(drive.operation)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(("at_vendor", "step"), STEPS, indirect=["at_vendor"])
def test_a_vendor_that_repeats_everything_it_was_told_reveals_nothing(
    at_vendor: Account, step: str, status: int
) -> None:
    """The fixture looks through all that staff could see; here is something to find."""
    drive = at_vendor.at(step)
    told = [*drive.private, *drive.headers.values()]
    body = json.dumps({"message": " ".join(told), "seen": told, **dict.fromkeys(told, "here"), "jid": told[0]})
    at_vendor.stand_in.faults.add(Fault("reply", status=status, content_type=JSON, body=body))
    with pytest.raises(VendorError):
        drive.once()
    assert drive.leaks() == []
