"""When a reply is due. A regime is data (`POLICIES`), not a branch in code.

Nothing here is legal advice. Extensions, pauses and the confirmation of receipt have their own issue to come.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import holidays
from dateutil.relativedelta import relativedelta

SATURDAY = 5


@dataclass(frozen=True)
class Policy:
    """How a regime counts the time to reply.

    months, days  the length; a month ends on the same-numbered day, where there is none on the month's last day
    rolls         a last day that is not a working day moves to the next one
    source        where it stands
    """

    months: int = 0
    days: int = 0
    rolls: bool = False
    source: str = ""


POLICIES: dict[str, Policy] = {
    "gdpr": Policy(months=1, rolls=True, source="GDPR art. 12(3); Regulation 1182/71 art. 3"),
    "uk_gdpr": Policy(months=1, rolls=True, source="UK GDPR art. 12(3)"),
    # The count "begins on the day" of receipt (11 CCR §7021): the safer reading makes it day 1.
    "ccpa": Policy(days=44, source="Cal. Civ. Code §1798.130(a)(2); 11 CCR §7021"),
    "us_va": Policy(days=45, source="Va. Code §59.1-577(B)"),
    "us_co": Policy(days=45, source="C.R.S. §6-1-1306(2)"),
    "own": Policy(days=30, source="own rule"),
}


def due_on(regime: str, received_on: date, *, country: str = "", subdivision: str = "") -> date:
    """The last day for the reply. `received_on` is the day of receipt in the desk's zone; `country` (ISO 3166-1, two
    letters) and `subdivision` choose the public holidays, without them only weekends count.

    >>> due_on("gdpr", date(2026, 1, 31))
    datetime.date(2026, 3, 2)
    """
    policy = POLICIES[regime]
    day = received_on + relativedelta(months=policy.months) + timedelta(days=policy.days)
    while policy.rolls and not is_working_day(day, country, subdivision):
        day += timedelta(days=1)
    return day


def is_working_day(day: date, country: str = "", subdivision: str = "") -> bool:
    """Neither Saturday, Sunday nor a public holiday there (Regulation 1182/71 art. 2(2))."""
    return day.weekday() < SATURDAY and day not in _public_holidays(country, subdivision, day.year)


@lru_cache(maxsize=256)
def _public_holidays(country: str, subdivision: str, year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    try:
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
    except NotImplementedError:  # a country or subdivision the library does not have
        return _public_holidays(country, "", year) if subdivision else frozenset()
    return frozenset(found)
