"""What every connector does with no identifier, one, as many as a call may carry, one more, and the same one twice."""

import dataclasses

import pytest

from erasure.connectors import REGISTRY
from erasure.connectors.base import HandOver, Operation, Outcome, Refused
from erasure.connectors.http import Http

from .contract import ACCOUNTS, NETWORK, OPERATIONS, Account, account

MOST_PASSES = 2_000  # of one identifier a call: five calls each
#: Each operation in the first way of setting up an account that has it: the ways differ in nothing that counts here.
FIRST = {(key, operation): way for key, way, connector in reversed(ACCOUNTS) for operation in connector.starts}
#: As many as a batch takes, and one more; where nothing goes in batches, a large number.
COUNTS = [
    pytest.param((key, way), operation, count, id=f"{key}-{operation}-{count}")
    for (key, operation), way in FIRST.items()
    for most in [max(step.batch for step in REGISTRY[key].steps.values())]
    for count in sorted({1, most or 1, (most or 200) + 1})
]


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_without_an_identifier_nothing_is_sent_at_any_step(at_vendor: Account, operation: Operation) -> None:
    connector = at_vendor.connector
    work = dataclasses.replace(at_vendor.drive(operation).work(), ids=(), due=())
    for name, step in connector.steps.items():
        http = None if step.by_hand else Http(at_vendor.stand_in.url, NETWORK)
        with pytest.raises(Refused, match="nothing was sent") as refused:
            connector.run(name, [work, work] if step.batch else [work], http)
        assert refused.value.code == "nothing_to_send"
    assert at_vendor.stand_in.journal.entries() == []


@pytest.mark.parametrize(("at_vendor", "operation", "count"), COUNTS, indirect=["at_vendor"])
def test_each_of_many_identifiers_is_sent_once_and_has_its_outcome(
    at_vendor: Account, operation: Operation, count: int
) -> None:
    at_vendor, people = dataclasses.replace(at_vendor, pace=6), at_vendor.sample.people(count)
    drive = at_vendor.drive(operation, ids=people)
    end = at_vendor.finish(drive, most=MOST_PASSES)
    outcomes = {item.ref: drive.said[item.ref].outcome for item in people}
    assert len(set(outcomes.values())) == 1
    assert (Outcome.PENDING in outcomes.values()) == isinstance(end, HandOver)
    for entry in at_vendor.journal():
        assert entry.status == 200, "the vendor takes what it is sent"
    sent = " ".join(f"{entry.target} {entry.body}" for entry in at_vendor.journal() if entry.effect)
    for item in people:
        assert drive.sent(item) in sent


@pytest.mark.parametrize(("at_vendor", "operation"), OPERATIONS, indirect=["at_vendor"])
def test_an_identifier_that_a_sub_task_holds_twice_is_sent_once_and_both_have_its_outcome(
    at_vendor: Account, operation: Operation
) -> None:
    first = at_vendor.sample.ids[0]
    drive = at_vendor.drive(operation, ids=(first, dataclasses.replace(first, ref="again")))
    at_vendor.finish(drive)
    assert drive.said[first.ref] == drive.said["again"]
    with account(at_vendor.connector.key, at_vendor.way) as another:
        alone = another.drive(operation, ids=(first,))
        another.finish(alone)
        assert at_vendor.effects(drive) == another.effects(alone)
        assert drive.outcomes[first.ref] == alone.outcomes[first.ref]
