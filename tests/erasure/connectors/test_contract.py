"""What every connector of the registry must do and must not do. One with an API runs against its stand-in, over HTTP.

`contract.SAMPLES` says what to run them with; faults strike at every step, in the first way that comes by it."""

import ast
import dataclasses
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

from erasure.connectors import REGISTRY
from erasure.connectors.base import (
    KIND,
    Finish,
    Held,
    Misconfigured,
    Nothing,
    Operation,
    Outcome,
    VendorError,
    parse,
)
from erasure.connectors.http import Preview, Previewed
from erasure.sandbox import STAND_INS, Fault

from .contract import (
    AGAIN,
    BATCHES,
    CALLING,
    JSON,
    OPERATIONS,
    SAMPLES,
    SIGNING_IN,
    Account,
    account,
    again_calls,
    by_options,
)
from .driver import together

EVERY = [pytest.param(key, id=key) for key in REGISTRY]
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
        assert step.writes or not connector.steps[step.if_unknown].writes
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
    sentence, calls = at_vendor.check()
    assert sentence
    assert calls == len(at_vendor.stand_in.journal.entries()) <= 1
    assert {entry.effect for entry in at_vendor.stand_in.journal.entries()} <= {"", "token_made"}


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_wrong_credentials_are_found_by_the_test_of_the_connection_or_if_it_cannot_by_the_first_call(
    at_vendor: Account,
) -> None:
    given = {name: value + "x" for name, value in dataclasses.asdict(at_vendor.credentials).items() if value}
    wrong = parse(REGISTRY[at_vendor.connector.key].Credentials, given)
    with pytest.raises(Misconfigured):
        _sentence, calls = at_vendor.check(wrong)
        assert calls == 0, "a test that asks the vendor has to find it"
        at_vendor.drive(next(iter(at_vendor.connector.starts)), credentials=wrong).once()
    assert not any(entry.effect for entry in at_vendor.stand_in.journal.entries())


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
@pytest.mark.parametrize("body", ["", "<html>Sign in</html>", "{}", "[]", '{"'])
def test_the_test_of_the_connection_is_not_content_with_any_reply(at_vendor: Account, body: str) -> None:
    fault = at_vendor.stand_in.faults.add(Fault("reply", status=200, content_type=JSON, body=body))
    try:
        _sentence, calls = at_vendor.check()
    except VendorError:
        return
    assert calls == fault.struck == 0  # it asked nobody


@pytest.mark.parametrize("at_vendor", CALLING, indirect=True)
def test_missing_credentials_are_found_before_anything_is_sent(at_vendor: Account) -> None:
    with pytest.raises(Misconfigured):
        at_vendor.connector.headers(parse(REGISTRY[at_vendor.connector.key].Credentials, {}))


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_every_operation_comes_to_its_end_with_an_outcome_for_every_identifier(
    at_vendor: Account, operation: Operation
) -> None:
    """The driver holds that memory is JSON, that no step makes two calls, and that what is finished has no outcome
    that is pending."""
    drive = at_vendor.drive(operation)
    at_vendor.finish(drive)
    assert drive.said.keys() == {item.ref for item in drive.ids}
    assert len(at_vendor.journal()) == len(drive.transcripts)
    taken = [note for note in drive.transcripts if note.status != 401]  # a token ends in the weeks that pass
    assert len(taken) <= len(drive.steps)
    assert at_vendor.effects(drive)
    assert drive.assurance != "none"


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_its_first_call_can_be_shown_before_it_is_made(at_vendor: Account, operation: Operation) -> None:
    drive, connector = at_vendor.drive(operation), at_vendor.connector
    with pytest.raises(Previewed) as shown:
        connector.run(drive.step, [drive.work(due=drive.ids)], Preview(at_vendor.stand_in.url))
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
    made = [(entry.method, entry.path) for entry in at_vendor.journal()]
    steps = [step for step in dict.fromkeys(drive.steps) if not at_vendor.connector.steps[step].by_hand]
    assert [step for step, _method, _path in told] == steps
    forms = {step: (method, path_form(path)) for step, method, path in told}
    for step, (method, form) in forms.items():
        assert any(called == method and form.fullmatch(path) for called, path in made), step
    for called, path in made:
        assert any(called == method and form.fullmatch(path) for method, form in forms.values()), path


@pytest.mark.parametrize(("at_vendor", "operation"), AGAIN, indirect=["at_vendor"])
def test_asked_again_a_vendor_that_has_done_it_holds_nothing_and_its_calls_are_those_of_the_plan(
    at_vendor: Account, operation: Operation
) -> None:
    at_vendor.finish(at_vendor.drive(operation))
    drive = at_vendor.drive(operation, again=True)
    assert isinstance(at_vendor.finish(drive), Finish)
    assert set(drive.outcomes.values()) == {(Outcome.NOT_HELD, Held.NO)}
    told = [step for step, _method, _path in again_calls(at_vendor.connector, operation)]
    assert list(dict.fromkeys(drive.steps)) == told[: len(set(drive.steps))]


def path_form(told: str) -> re.Pattern[str]:
    """A path of the plan, in which a name in braces stands for what is not known before: a job's number."""
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", told))))


@pytest.mark.parametrize(
    ("key", "step"),
    [pytest.param(key, step, id=f"{key}-{step}") for key in SAMPLES for step in REGISTRY[key].steps],
)
def test_no_step_is_idle(key: str, step: str) -> None:
    for way in range(len(SAMPLES[key].options)):
        with account(key, way) as at_vendor:
            if at_vendor.reach(step):
                return
    raise AssertionError(f"no way of setting up an account comes by {step}")


# --- accounts that sign in, and calls for several ---------------------------------------------------------------------


@pytest.mark.parametrize("at_vendor", SIGNING_IN, indirect=True)
def test_an_account_signs_in_once_for_all_its_work_and_again_when_its_token_is_refused(at_vendor: Account) -> None:
    operation = next(iter(at_vendor.connector.starts))
    for expected in (1, 1, 2):
        if expected == 2:
            at_vendor.stand_in.faults.add(Fault("reply", status=401))
        at_vendor.drive(operation).once()
        assert len(at_vendor.access.sign_ins) == expected


@pytest.mark.parametrize(("at_vendor", "operation"), BATCHES, indirect=["at_vendor"])
def test_sub_tasks_that_share_a_call_are_told_what_is_theirs_and_nothing_of_each_other(
    at_vendor: Account, operation: Operation
) -> None:
    both = [at_vendor.drive(operation, ids=(item,)) for item in at_vendor.sample.ids[:2]]
    together(*both)
    assert len(at_vendor.journal()) == 1
    for mine, other in (both, reversed(both)):
        told = [*mine.files, json.dumps(mine.memory).encode(), repr(mine.references).encode()]
        assert mine.said.keys() == {mine.ids[0].ref}
        assert any(mine.ids[0].value.encode() in text for text in told)
        assert not any(other.ids[0].value.encode() in text for text in told)
    for drive in both:
        at_vendor.finish(drive)


@pytest.mark.parametrize(("at_vendor", "operation"), BATCHES, indirect=["at_vendor"])
def test_an_identifier_of_several_sub_tasks_is_sent_once_and_answered_to_each(
    at_vendor: Account, operation: Operation
) -> None:
    first = at_vendor.sample.ids[0]
    both = [at_vendor.drive(operation, ids=(dataclasses.replace(first, ref=ref),)) for ref in ("mine", "other's")]
    together(*both)
    assert both[0].said["mine"] == both[1].said["other's"]
    (entry,) = at_vendor.journal()
    assert entry.body.count(first.value) == 1
