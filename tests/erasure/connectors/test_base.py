"""Settings as dataclasses, steps, and what a connector class must say of itself."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Connector,
    Finish,
    Found,
    Go,
    HandOver,
    Held,
    Id,
    Misconfigured,
    Nothing,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    Result,
    RetryLater,
    Said,
    Secret,
    Stay,
    VendorError,
    Work,
    option,
    parse,
    step,
)


@dataclass(frozen=True)
class Shape:
    address: str = option("Address")
    on: bool = option("On", True)
    days: int = option("Days", 3, minimum=1, maximum=9)
    kinds: tuple[str, ...] = option("Kinds", ("email",))
    names: dict[str, str] = option("Names", {"email": "mail"})
    mode: str = option("Mode", "fast", choices=("fast", "slow"), effect=False)
    token: Secret = option("Token", Secret(""))


def problems(shape: type[Any], values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(BadSettings) as raised:
        parse(shape, values)
    return raised.value.problems


# --- parse ------------------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default() -> None:
    assert parse(Shape, {"address": "a"}) == Shape("a", True, 3, ("email",), {"email": "mail"}, "fast", Secret(""))


def test_everything_can_be_given_in_json() -> None:
    given = {
        "address": "",
        "on": False,
        "days": 9,
        "kinds": [],
        "names": {"x1_id": "X 1"},
        "mode": "slow",
        "token": "t",
    }
    assert parse(Shape, given) == Shape("", False, 9, (), {"x1_id": "X 1"}, "slow", Secret("t"))


def test_a_default_that_can_change_is_not_shared() -> None:
    one = parse(Shape, {"address": "a"})
    one.names["phone"] = "tel"
    assert parse(Shape, {"address": "a"}).names == {"email": "mail"}


def test_what_is_given_is_copied() -> None:
    given = {"email": "e"}
    parsed = parse(Shape, {"address": "a", "names": given})
    given["phone"] = "tel"
    assert parsed.names == {"email": "e"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", 1, "text"),
        ("address", None, "text"),
        ("on", "true", "true or false"),
        ("on", 1, "true or false"),
        ("on", None, "true or false"),
        ("days", "3", "whole number"),
        ("days", 3.0, "whole number"),
        ("days", True, "whole number"),
        ("days", 0, "1 or more"),
        ("days", 10, "9 or less"),
        ("kinds", "email", "list"),
        ("kinds", [1], "list"),
        ("kinds", ["E-mail"], "list"),
        ("kinds", ["email\n"], "list"),
        ("kinds", ["a" * 41], "list"),
        ("kinds", {"email": "e"}, "list"),
        ("names", ["email"], "map"),
        ("names", {"email": ""}, "map"),
        ("names", {"email": 1}, "map"),
        ("names", {"E-mail": "e"}, "map"),
        ("names", {1: "e"}, "map"),
        ("mode", "Fast", "one of fast, slow"),
        ("token", 5, "text"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_is_wanted(field: str, value: Any, words: str) -> None:
    found = problems(Shape, {"address": "a", field: value})
    assert list(found) == [field]
    assert words in found[field]


def test_every_problem_is_named_at_once() -> None:
    found = problems(Shape, {"days": 0, "mode": "x", "colour": "red"})
    assert set(found) == {"address", "days", "mode", "colour"}
    assert found["address"] == "is required"
    assert found["colour"].startswith("unknown; known are address, on,")


def test_a_problem_does_not_repeat_the_value() -> None:
    """It may be a secret in the wrong field."""
    assert "hunter2" not in str(
        problems(Shape, {"address": "a", "on": "hunter2", "mode": "hunter2", "kinds": "hunter2"})
    )


def test_a_connector_without_options_takes_none() -> None:
    assert parse(Nothing, {}) == Nothing()
    assert problems(Nothing, {"a": 1}) == {"a": "unknown; known are none"}


def test_an_option_says_whether_it_changes_an_effect() -> None:
    effects = {item.name: item.metadata["effect"] for item in dataclasses.fields(Shape)}
    assert effects == dict.fromkeys(effects, True) | {"mode": False}


# --- steps and connectors ---------------------------------------------------------------------------------------------


class Small(Connector):
    key, label = "small", "Small"
    colour = "red"

    @dataclass(frozen=True)
    class Options:
        step: str = option("A field that happens to be called step", "one")

    @step("write", writes=True, if_unknown="look", commits=True)
    def write(self, work: Any, http: Any) -> Result:
        return Go("look")

    @step("look", polls=True)
    def look(self, work: Any, http: Any) -> Result:
        return Finish()

    def help(self) -> None:
        """No step."""


def test_a_connector_knows_its_steps_and_nothing_else_as_one() -> None:
    assert set(Small.steps) == {"write", "look"}
    write, look = Small.steps["write"], Small.steps["look"]
    assert (write.writes, write.if_unknown, write.commits, write.polls) == (True, "look", True, False)
    assert (look.writes, look.if_unknown, look.polls, look.batch) == (False, "look", True, 0)


def test_a_marked_step_still_runs() -> None:
    assert Small().write(None, None) == Go("look")


def test_a_step_is_run_as_its_mark_says() -> None:
    """For one sub-task with a client, for many with one, or by hand without."""

    class Kinds(Connector):
        @step("one")
        def one(self, work: Work, http: Any) -> Result:
            return Go("many", references={"for": work.ref, "by": http})

        @step("many", writes=True, batch=2, if_unknown="many")
        def many(self, works: Any, http: Any) -> Any:
            return {work.ref: Go("alone", references={"for": work.ref, "by": http}) for work in works}

        @step("alone", by_hand=True)
        def alone(self, work: Work) -> Result:
            return HandOver("attestation", work.ref)

    ids = (Id("one", "email", "ada@example.org"),)
    works = [Work(ref, Operation.ERASE, ids, "gdpr", "other", datetime.now(UTC), due=ids) for ref in ("a", "b")]
    client: Any = "client"
    assert Kinds().run("one", works[:1], client) == {"a": Go("many", references={"for": "a", "by": "client"})}
    assert Kinds().run("many", works, client) == {
        ref: Go("alone", references={"for": ref, "by": "client"}) for ref in ("a", "b")
    }
    assert Kinds().run("alone", works[1:], None) == {"b": HandOver("attestation", "b")}
    assert Kinds().left("many", works[0]) == works[0].ids
    assert Kinds().company(works[0]) == Kinds().company(works[1])


def test_a_connector_inherits_steps_and_may_replace_them() -> None:
    class Smaller(Small):
        @step("look twice")
        def look(self, work: Any, http: Any) -> Result:
            return Stay()

    assert set(Smaller.steps) == {"write", "look"}
    assert Smaller.steps["look"].label == "look twice"
    assert Small.steps["look"].label == "look"


def test_a_step_that_writes_must_say_what_to_do_when_no_reply_comes() -> None:
    with pytest.raises(TypeError, match=r"Bad\.write writes: it must name the step to go on with if_unknown"):

        class Bad(Connector):
            @step("write", writes=True)
            def write(self, work: Any, http: Any) -> Result:
                return Finish()


def test_the_step_that_it_names_must_exist() -> None:
    with pytest.raises(TypeError, match=r"Bad\.write"):

        class Bad(Connector):
            @step("write", writes=True, if_unknown="serach")
            def write(self, work: Any, http: Any) -> Result:
                return Finish()


def test_an_account_without_options_has_the_defaults() -> None:
    assert Small().options == Small.Options("one")
    assert Small(Small.Options("two")).options.step == "two"


def test_a_connector_that_says_nothing_can_do_nothing() -> None:
    bare = type("Bare", (Connector,), {"key": "bare", "label": "Bare"})()
    assert (bare.accepts, bare.starts, bare.steps, bare.headers(None)) == ({}, {}, {}, {})
    assert bare.as_sent("email", "Anna@example.org") == "Anna@example.org"


# --- what a step says and raises --------------------------------------------------------------------------------------


def test_values_of_a_person_do_not_show_themselves() -> None:
    shown = repr(
        [
            Id("1", "email", "anna@example.org"),
            Found("email", "anna@example.org"),
            Go("on", remember={"anna@example.org": {"jid": "1"}}),
        ]
    )
    assert "anna" not in shown


def test_a_result_carries_nothing_unless_it_is_said() -> None:
    result = Finish()
    assert (result.remember, result.references, result.said, result.counters) == ({}, {}, {}, {})
    assert (tuple(result.evidence), tuple(result.found), result.assurance, result.expected) == ((), (), None, None)
    assert Said(Outcome.ERASED).held == Held.UNKNOWN


def test_a_hand_over_has_a_stable_word() -> None:
    assert HandOver("attention", "Look.").code == "broken_reply"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RetryLater, "retry_later"),
        (Refused, "refused"),
        (Misconfigured, "misconfigured"),
        (BrokenReply, "broken_reply"),
        (OutcomeUnknown, "outcome_unknown"),
    ],
)
def test_an_error_has_a_text_and_a_stable_word(error: type[VendorError], code: str) -> None:
    assert (error("It broke.").text, str(error("It broke.")), error("It broke.").code) == (
        "It broke.",
        "It broke.",
        code,
    )
    assert error("It broke.", code="own_word").code == "own_word"


def test_a_vendor_may_name_the_time_to_wait() -> None:
    assert RetryLater("Later.").after is None
    assert RetryLater("Later.", after=timedelta(minutes=2)).after == timedelta(minutes=2)
