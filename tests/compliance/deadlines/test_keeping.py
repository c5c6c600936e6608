"""For how long which law keeps what, as an installation may change it."""

from datetime import date

import pytest

from compliance.deadlines import NEVER, Keeping, kept_as
from compliance.deadlines.keeping import KEEPINGS


def test_a_month_ends_on_the_same_numbered_day_or_the_months_last() -> None:
    assert Keeping(answered_months=24).ends_on("answered_months", date(2024, 2, 29)) == date(2026, 2, 28)
    assert Keeping(draft_days=90).ends_on("draft_days", date(2026, 11, 30)) == date(2027, 2, 28)


def test_what_is_set_to_nothing_is_never_destroyed_by_itself() -> None:
    assert Keeping(refused_months=0).ends_on("refused_months", date(2026, 1, 1)) == NEVER


@pytest.mark.parametrize("regime", ["ccpa", "us_co"])
def test_laws_that_ask_for_records_of_24_months_get_no_less(regime: str) -> None:
    assert min(KEEPINGS[regime].answered_months, KEEPINGS[regime].refused_months) >= 24


def test_an_installation_changes_single_numbers() -> None:
    found = kept_as({"gdpr": {"answered_months": 12, "source": "our own policy"}})
    assert (found["gdpr"].answered_months, found["gdpr"].source) == (12, "our own policy")
    assert found["gdpr"].refused_months == KEEPINGS["gdpr"].refused_months
    assert found["ccpa"] == KEEPINGS["ccpa"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([], "must be an object"),
        ({"lgpd": {}}, "there is no regime 'lgpd'"),
        ({"gdpr": 12}, "gdpr: must be an object"),
        ({"gdpr": {"months": 12}}, "there is no 'months'"),
        ({"gdpr": {"answered_months": "12"}}, "must be a whole number"),
        ({"gdpr": {"answered_months": True}}, "must be a whole number"),
        ({"gdpr": {"draft_days": -1}}, "0 to 18300"),
        ({"gdpr": {"answered_months": 601}}, "0 to 600"),
        ({"gdpr": {"source": 1}}, "source must be a text"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(changes: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        kept_as(changes)  # type: ignore[arg-type]
