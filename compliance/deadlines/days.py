"""Working days and public holidays, by country and subdivision."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

import holidays

SATURDAY = 5
A_DAY = timedelta(days=1)


def is_working_day(day: date, country: str = "", subdivision: str = "") -> bool:
    """Neither Saturday, Sunday nor a public holiday there (Regulation 1182/71 art. 2(2)). `country` (ISO 3166-1, two
    letters) and `subdivision` choose the holidays; without them only weekends count."""
    return day.weekday() < SATURDAY and not holiday(day, country, subdivision)


def holiday(day: date, country: str = "", subdivision: str = "", language: str = "en_US") -> str:
    """What a public holiday is called there; empty if it is none. A language that the country's calendar does not have
    gives its own."""
    return _public_holidays(country, subdivision, day.year, language).get(day, "")


def working_days_after(day: date, count: int, country: str = "", subdivision: str = "") -> date:
    """The last of so many working days, `day` itself not counted."""
    while count:
        day += A_DAY
        count -= is_working_day(day, country, subdivision)
    return day


@lru_cache(maxsize=256)
def _public_holidays(country: str, subdivision: str, year: int, language: str) -> Mapping[date, str]:
    if not country:
        return {}
    try:
        return dict(holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=language))
    except NotImplementedError:  # a country or subdivision the library does not have
        return _public_holidays(country, "", year, language) if subdivision else {}
