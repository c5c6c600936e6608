"""The examples that were computed by hand."""

from pathlib import Path

import pytest
from django.conf import settings

from compliance.deadlines import POLICIES, reckon

from .worked_examples import EXAMPLES, as_table, d

NAMES = [f"{one.regime} {one.place} {one.received} {len(one.pauses) or ''}".replace("  ", " ") for one in EXAMPLES]


@pytest.mark.parametrize("one", EXAMPLES, ids=NAMES)
def test_the_clock_agrees_with_what_was_computed_by_hand(one):
    country, _, subdivision = one.place.partition("-")
    where = {"country": country, "subdivision": subdivision}
    found = reckon(POLICIES[one.regime], d(one.received), **where, pauses=one.pauses)

    assert found.due_on == d(one.first), one.why
    assert found.extended_due_on == (d(one.extended) if one.extended else None), one.why
    assert found.confirm_by == (d(one.confirm) if one.confirm else None)
    if one.extended:
        assert reckon(POLICIES[one.regime], d(one.received), **where, pauses=one.pauses, extended=True).due_on == d(
            one.extended
        )


def test_no_example_stands_here_twice():
    facts = {(one.regime, one.place, one.received, tuple(one.pauses)) for one in EXAMPLES}
    assert len(facts) == len(EXAMPLES)


def test_the_documentation_has_the_same_table():
    assert as_table() in (Path(settings.BASE_DIR) / "docs" / "clocks.md").read_text()
