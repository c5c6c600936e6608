"""How dates, times and numbers are written, by language; Django finds the modules beside this one."""

from datetime import datetime

from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime


def moment(at: datetime) -> str:
    """A time to the second, in the desk's zone."""
    local = localtime(at)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {date_format(local, 'H:i:s')}"


def number(count: int) -> str:
    """A count with its thousands told apart: 10,000 in English is 10.000 in German, where a comma would make it ten."""
    return number_format(count, force_grouping=True)
