from typing import Any

import pytest

from erasure.connectors.base import BadSettings, Operation, parse
from erasure.connectors.manual import Manual


def manual(**options: Any) -> Manual:
    return Manual(parse(Manual.Options, options))


def test_a_person_is_told_what_to_do_whatever_the_operation() -> None:
    connector = manual(instructions="Room 12, second shelf")
    assert [connector.instructions(operation) for operation in (Operation.ERASE, Operation.RESTRICT)] == [
        "erase: Room 12, second shelf",
        "restrict: Room 12, second shelf",
    ]


def test_nothing_is_ever_sent() -> None:
    connector = manual(instructions="Room 12")
    assert connector.by_hand
    assert (connector.starts, connector.steps) == ({}, {})


def test_people_are_looked_up_by_the_kinds_of_the_account() -> None:
    assert set(manual(instructions="Room 12").accepts) == {"email"}
    assert set(manual(instructions="Room 12", accepts=["phone", "customer_id"]).accepts) == {"phone", "customer_id"}


def test_instructions_must_be_given() -> None:
    with pytest.raises(BadSettings) as raised:
        manual()
    assert raised.value.problems == {"instructions": "is required"}
