"""How each law counts. A regime is data, not a branch in code; nothing here is legal advice."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

#: For what a clock may stand still: who the person is, and what they ask for.
IDENTITY, CLARIFICATION = "identity", "clarification"
_REASONS = (IDENTITY, CLARIFICATION)
_MOST = {"months": 24, "days": 731}
#: What is asked of an identity check before approval.
ADVISED, REQUIRED = "advised", "required"
_IDENTITY = ("", ADVISED, REQUIRED)


@dataclass(frozen=True)
class Policy:
    """How a regime counts the time to reply.

    months, days           the length; a month ends on the same-numbered day, where there is none on the month's last
    extended_months,       the length once it is extended, from receipt as well; both 0: there is no extension
      extended_days
    counts_receipt         the day of receipt is the first day; else the day after it is
    rolls                  a last day that is not a working day moves to the next one
    confirm_working_days   within how many working days receipt has to be confirmed; 0: not at all
    pauses                 for what the clock stands: the days from asking through the answer do not count
    identity               whether a check of who the person is has to be recorded before approval: "required"; or is
                           said to be missing there: "advised"; or neither
    tells_of_lifting       the person is told before a restriction is lifted
    source                 where it stands
    """

    months: int = 0
    days: int = 0
    extended_months: int = 0
    extended_days: int = 0
    counts_receipt: bool = False
    rolls: bool = False
    confirm_working_days: int = 0
    pauses: frozenset[str] = frozenset()
    identity: str = ""
    tells_of_lifting: bool = False
    source: str = ""

    @property
    def extends(self) -> bool:
        return bool(self.extended_months or self.extended_days)


POLICIES: Mapping[str, Policy] = {
    "gdpr": Policy(
        months=1,
        extended_months=3,
        rolls=True,
        tells_of_lifting=True,
        source="GDPR art. 12(3) and 18(3); Regulation 1182/71 art. 3",
    ),
    "uk_gdpr": Policy(
        months=1,
        extended_months=3,
        rolls=True,
        pauses=frozenset(_REASONS),
        tells_of_lifting=True,
        source="UK GDPR art. 12(3), 12A and 18(3)",
    ),
    # The count "begins on the day" of receipt (11 CCR §7021(b)): the safer reading makes it day 1.
    "ccpa": Policy(
        days=45,
        extended_days=90,
        counts_receipt=True,
        confirm_working_days=10,
        identity=ADVISED,
        source="Cal. Civ. Code §1798.130(a)(2); 11 CCR §7021 and §7060",
    ),
    "us_va": Policy(days=45, extended_days=90, identity=ADVISED, source="Va. Code §59.1-577(B)"),
    "us_co": Policy(days=45, extended_days=90, identity=ADVISED, source="C.R.S. §6-1-1306(2)"),
    "own": Policy(days=30, source="own rule"),
}


def adjusted(changes: Mapping[str, Mapping[str, Any]], policies: Mapping[str, Policy] = POLICIES) -> dict[str, Policy]:
    """`policies` with what an installation has changed: regime → field of `Policy` → value, `pauses` a list.

    Raises ValueError with one sentence that names the regime and what is wrong with it.

    >>> adjusted({"own": {"days": 0, "months": 2}})["own"].months
    2
    """
    if not isinstance(changes, Mapping):
        raise ValueError("the regimes must be an object, with an object for each regime")
    found = dict(policies)
    for regime, values in changes.items():
        if regime not in found:
            raise ValueError(f"there is no regime {regime!r}; there are {', '.join(found)}")
        if not isinstance(values, Mapping):
            raise ValueError(f"{regime}: must be an object with names and values")
        found[regime] = _sound(regime, replace(found[regime], **_taken(regime, values)))
    return found


def _taken(regime: str, values: Mapping[str, Any]) -> dict[str, Any]:
    types = {field.name: field.type for field in fields(Policy)}
    taken: dict[str, Any] = {}
    for name, value in values.items():
        if name not in types:
            raise ValueError(f"{regime}: there is no {name!r}; there are {', '.join(types)}")
        if name == "pauses":
            if not isinstance(value, list) or not all(isinstance(reason, str) for reason in value):
                raise ValueError(f"{regime}: pauses must be a list")
            taken[name] = frozenset(value)
            continue
        wanted = {"int": int, "bool": bool, "str": str}[str(getattr(types[name], "__name__", types[name]))]
        if type(value) is not wanted:
            raise ValueError(f"{regime}: {name} must be {_CALLED[wanted]}")
        taken[name] = value
    return taken


_CALLED = {int: "a whole number", bool: "true or false", str: "a text"}


def _sound(regime: str, policy: Policy) -> Policy:
    """A length of months or of days, an extension that is longer, and reasons that there are."""
    for which in ("", "extended_"):
        given = {unit: getattr(policy, which + unit) for unit in _MOST}
        if any(not 0 <= count <= _MOST[unit] for unit, count in given.items()):
            raise ValueError(f"{regime}: {which}months must be 0 to 24 and {which}days 0 to 731")
        if (not which and not any(given.values())) or all(given.values()):
            raise ValueError(f"{regime}: give a number of {which}months or of {which}days, and 0 for the other")
    if policy.extends:
        same_unit = bool(policy.months) == bool(policy.extended_months)
        longer = (policy.extended_months, policy.extended_days) > (policy.months, policy.days)
        if not same_unit or not longer:
            raise ValueError(f"{regime}: an extension is the whole length from receipt, longer and in the same unit")
    if policy.identity not in _IDENTITY:
        raise ValueError(f"{regime}: identity must be 'advised', 'required' or empty")
    if not 0 <= policy.confirm_working_days <= _MOST["days"]:
        raise ValueError(f"{regime}: confirm_working_days must be 0 to {_MOST['days']}")
    if unknown := sorted(policy.pauses - set(_REASONS)):
        raise ValueError(f"{regime}: the clock cannot stand for {unknown[0]!r}; it can for {' and '.join(_REASONS)}")
    return policy
