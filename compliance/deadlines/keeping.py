"""How long the personal data of a request is kept, by law. Data, not branches in code; nothing here is legal advice.

The record of a request (what was asked, when, what was answered and done, and the trail) is kept for good and holds no
personal data. What goes is who it was about. No law here names a number for that: the numbers below say by what they
were chosen, and an installation sets its own (`RETENTION`)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

#: The date of what is never destroyed by itself: later than any other, so that it is never due.
NEVER = date.max
_MOST = {"months": 600, "days": 18_300}


@dataclass(frozen=True)
class Keeping:
    """For how long a regime's requests keep the data of their person. 0 anywhere: until somebody destroys it by hand.

    answered_months   a request that was carried out, in whole or in part: from its end, or from its reply if that was
                      later
    refused_months    one that was refused, likewise
    cancelled_days    one that was cancelled: withdrawn, a duplicate, or another reason
    mistaken_days     one that was opened by mistake
    draft_days        a draft, since somebody last changed it
    identity_days     a file that was kept of an identity check, since then
    output_days       a file that a vendor delivered, where its account says nothing shorter
    source            by what these were chosen
    """

    answered_months: int = 36
    refused_months: int = 36
    cancelled_days: int = 180
    mistaken_days: int = 30
    draft_days: int = 90
    identity_days: int = 30
    output_days: int = 365
    source: str = ""

    def ends_on(self, rule: str, since: date) -> date:
        """The day on which what falls under `rule` (a field's name) is destroyed; NEVER if it is not by itself.

        >>> Keeping().ends_on("answered_months", date(2024, 2, 29))
        datetime.date(2027, 2, 28)
        """
        count = getattr(self, rule)
        if not count:
            return NEVER
        return since + (relativedelta(months=count) if rule.endswith("_months") else timedelta(days=count))


KEEPINGS: Mapping[str, Keeping] = {
    # Fines and claims for a request that was handled wrongly become time-barred in about three years in most member
    # states; until then the desk has to be able to show whose request it was.
    "gdpr": Keeping(source="GDPR art. 5(1)(e), 5(2) and 17(3)(e); three years, by common limitation periods"),
    # Claims can be made for six years (Limitation Act 1980 s. 9); the record alone answers most. Whoever wants to keep
    # the person that long sets 72.
    "uk_gdpr": Keeping(source="UK GDPR art. 5(1)(e), 5(2) and 17(3)(e); three years, own judgement"),
    # "At least 24 months" for records of requests; what was collected for a check "as soon as practical".
    "ccpa": Keeping(
        answered_months=24, refused_months=24, source="11 CCR §7101(a), at least 24 months; 11 CCR §7060 for checks"
    ),
    "us_va": Keeping(answered_months=24, refused_months=24, source="own judgement, as for California and Colorado"),
    "us_co": Keeping(answered_months=24, refused_months=24, source="4 CCR 904-3, rule 6.11: at least 24 months"),
    "own": Keeping(answered_months=12, refused_months=12, source="own rule"),
}


def kept_as(changes: Mapping[str, Mapping[str, Any]], keepings: Mapping[str, Keeping] = KEEPINGS) -> dict[str, Keeping]:
    """`keepings` with what an installation has changed: regime → field of `Keeping` → value.

    Raises ValueError with one sentence that names the regime and what is wrong with it.

    >>> kept_as({"gdpr": {"identity_days": 7}})["gdpr"].identity_days
    7
    """
    if not isinstance(changes, Mapping):
        raise ValueError("the regimes must be an object, with an object for each regime")
    found = dict(keepings)
    for regime, values in changes.items():
        if regime not in found:
            raise ValueError(f"there is no regime {regime!r}; there are {', '.join(found)}")
        if not isinstance(values, Mapping):
            raise ValueError(f"{regime}: must be an object with names and values")
        for name, value in values.items():
            _check(regime, name, value)
        found[regime] = replace(found[regime], **values)
    return found


def _check(regime: str, name: str, value: Any) -> None:
    names = [field.name for field in fields(Keeping)]
    if name not in names:
        raise ValueError(f"{regime}: there is no {name!r}; there are {', '.join(names)}")
    if name == "source":
        if not isinstance(value, str):
            raise ValueError(f"{regime}: source must be a text")
        return
    most = _MOST[name.rpartition("_")[2]]
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{regime}: {name} must be a whole number, 0 to {most}")
