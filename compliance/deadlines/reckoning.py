"""When a reply is due, and how that was worked out. Pure functions: they are handed days and give days back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from .days import A_DAY, holiday, is_working_day, working_days_after
from .policies import Policy


class Rule(StrEnum):
    """What a step of the working does."""

    RECEIVED = "received"
    LENGTH = "length"
    EXTENSION = "extension"
    PAUSE = "pause"
    ROLLS = "rolls"


@dataclass(frozen=True)
class Step:
    """One step of the working.

    day           where it leads
    months, days  what it counts
    with_receipt  the day of receipt is one of the days
    since, until  the days that do not count, both included
    holidays      the public holidays that it passes over
    """

    rule: Rule
    day: date
    months: int = 0
    days: int = 0
    with_receipt: bool = False
    since: date | None = None
    until: date | None = None
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True)
class Pause:
    """The clock stands from the day on which the person is asked through the day of the answer. None: not yet."""

    reason: str
    asked_on: date
    answered_on: date | None = None


@dataclass(frozen=True)
class Reckoning:
    """A clock, as far as it is known.

    due_on           the last day for the reply
    first_due_on     the same without an extension, which has to be notified until then
    extended_due_on  the last day with an extension; None where the law knows none
    confirm_by       the last day for confirming receipt; None where that is not asked for
    extended         whether the time was extended
    stands           a pause has no answer yet: every further day moves the last one
    steps            the working of `due_on`, in order
    """

    received_on: date
    country: str
    subdivision: str
    due_on: date
    first_due_on: date
    extended_due_on: date | None
    confirm_by: date | None
    extended: bool
    stands: bool
    steps: tuple[Step, ...]


def due_on(policy: Policy, received_on: date, *, country: str = "", subdivision: str = "") -> date:
    """The last day for the reply, with nothing extended and nothing paused.

    >>> from compliance.deadlines import POLICIES
    >>> due_on(POLICIES["gdpr"], date(2026, 1, 31))
    datetime.date(2026, 3, 2)
    """
    return reckon(policy, received_on, country=country, subdivision=subdivision).due_on


def reckon(
    policy: Policy,
    received_on: date,
    *,
    country: str = "",
    subdivision: str = "",
    extended: bool = False,
    pauses: Iterable[Pause] = (),
    today: date | None = None,
) -> Reckoning:
    """The whole clock of a request that was received on this day (of the desk's zone).

    Raises ValueError for an extension or a pause that the policy does not know, for a pause before receipt or with its
    answer before its question, and for one without an answer where `today` is not given."""
    pauses = sorted(pauses, key=lambda pause: pause.asked_on)
    for pause in pauses:
        _check(policy, received_on, pause, today)
    if extended and not policy.extends:
        raise ValueError("there is no extension under this policy")

    def ends(longer: bool) -> tuple[Step, ...]:
        return _steps(policy, received_on, (country, subdivision), longer, pauses, today)

    first = ends(longer=False)
    longer = ends(longer=True) if policy.extends else ()
    steps = longer if extended else first
    confirm_in = policy.confirm_working_days
    return Reckoning(
        received_on=received_on,
        country=country,
        subdivision=subdivision,
        due_on=steps[-1].day,
        first_due_on=first[-1].day,
        extended_due_on=longer[-1].day if longer else None,
        confirm_by=working_days_after(received_on, confirm_in, country, subdivision) if confirm_in else None,
        extended=extended,
        stands=any(pause.answered_on is None and pause.asked_on <= steps[-1].day for pause in pauses),
        steps=steps,
    )


def _check(policy: Policy, received_on: date, pause: Pause, today: date | None) -> None:
    if pause.reason not in policy.pauses:
        raise ValueError(f"the clock does not stand for {pause.reason!r} under this policy")
    if pause.asked_on < received_on:
        raise ValueError("nothing can be asked before the request was received")
    until = pause.answered_on or today
    if until is None:
        raise ValueError("a pause without an answer can only be counted as of a day")
    if pause.answered_on and pause.answered_on < pause.asked_on:
        raise ValueError("an answer cannot come before its question")


def _steps(
    policy: Policy, received_on: date, where: tuple[str, str], longer: bool, pauses: list[Pause], today: date | None
) -> tuple[Step, ...]:
    months = policy.extended_months if longer else policy.months
    days = policy.extended_days if longer else policy.days
    day = received_on + relativedelta(months=months) + timedelta(days=days - (1 if policy.counts_receipt else 0))
    rule = Rule.EXTENSION if longer else Rule.LENGTH
    steps = [
        Step(Rule.RECEIVED, received_on),
        Step(rule, day, months=months, days=days, with_receipt=policy.counts_receipt),
    ]
    free: set[date] = set()
    for pause in pauses:
        if pause.asked_on > _rolled(policy, day, where):
            continue  # the time had ended: nothing starts it again
        until = pause.answered_on or today or pause.asked_on
        new = {pause.asked_on + A_DAY * n for n in range((until - pause.asked_on).days + 1)} - free
        if new:
            free |= new
            day += A_DAY * len(new)
            steps.append(Step(Rule.PAUSE, day, days=len(new), since=min(new), until=max(new)))
    last = _rolled(policy, day, where)
    if last != day:
        passed = (day + A_DAY * n for n in range((last - day).days))
        steps.append(Step(Rule.ROLLS, last, holidays=tuple(off for off in passed if holiday(off, *where))))
    return tuple(steps)


def _rolled(policy: Policy, day: date, where: tuple[str, str]) -> date:
    """Where a period ends that ends on this day: on a day off, with the next working day (Regulation 1182/71 art.
    3(4))."""
    while policy.rolls and not is_working_day(day, *where):
        day += A_DAY
    return day
