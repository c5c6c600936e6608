"""Last days for a reply, each computed by hand from the law, with its working: for a lawyer to read and to correct.

Easter Sunday was on 31 March 2024, 20 April 2025 and 5 April 2026; it will be on 28 March 2027.
"""

from dataclasses import dataclass, field
from datetime import date

from compliance.deadlines import Pause


def d(text: str) -> date:
    return date.fromisoformat(text)


def paused(reason: str, asked: str, answered: str) -> Pause:
    return Pause(reason, d(asked), d(answered))


@dataclass(frozen=True)
class Example:
    """`first`: the last day; `extended`: the same after an extension; `confirm`: until when receipt is confirmed."""

    regime: str
    place: str
    received: str
    first: str
    extended: str
    why: str
    pauses: list[Pause] = field(default_factory=list)
    confirm: str = ""


def as_table() -> str:
    """The rows of the table in docs/clocks.md, and its head."""
    heads = ("law", "place", "received", "asked and answered", "last day", "extended", "confirm by", "working")
    rows = [heads, tuple("---" for _head in heads)]
    for one in EXAMPLES:
        spans = "; ".join(f"{pause.asked_on} to {pause.answered_on}" for pause in one.pauses)
        rows.append((one.regime, one.place, one.received, spans, one.first, one.extended, one.confirm, one.why))
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |").replace("|  |", "| |") for row in rows)


EXAMPLES = [
    # --- GDPR art. 12(3): one month, three from receipt once extended; Regulation 1182/71 art. 3(4): days off ---------
    Example(
        "gdpr", "", "2026-01-31", "2026-03-02", "2026-04-30", "no 31 February: Sat 28 Feb → Mon; April has 30 days"
    ),
    Example(
        "gdpr", "DE", "2026-03-05", "2026-04-07", "2026-06-05", "Easter Sunday, Easter Monday → Tue; 5 Jun is a Fri"
    ),
    Example("gdpr", "", "2026-08-31", "2026-09-30", "2026-11-30", "no 31 September: Wed 30; no 31 November: Mon 30"),
    Example("gdpr", "", "2024-01-31", "2024-02-29", "2024-04-30", "a leap year: Thu 29 Feb; Tue 30 Apr"),
    Example(
        "gdpr", "", "2023-12-31", "2024-01-31", "2024-04-01", "Wed 31 Jan; Sun 31 Mar → Mon 1 Apr, no country known"
    ),
    Example("gdpr", "DE", "2023-12-31", "2024-01-31", "2024-04-02", "the same in Germany: Easter Monday too → Tue"),
    Example(
        "gdpr", "DE", "2026-04-01", "2026-05-04", "2026-07-01", "Fri 1 May is a holiday, then a weekend; Wed 1 Jul"
    ),
    Example("gdpr", "DE", "2026-11-25", "2026-12-28", "2027-02-25", "Christmas on Fri, 26 on Sat, Sun → Mon 28; Thu"),
    Example("gdpr", "DE", "2026-12-01", "2027-01-04", "2027-03-01", "New Year's Day on a Fri, a weekend → Mon; Mon"),
    Example("gdpr", "DE-BY", "2025-12-06", "2026-01-07", "2026-03-06", "Epiphany is a holiday in Bavaria; Fri 6 Mar"),
    Example("gdpr", "DE-HH", "2025-12-06", "2026-01-06", "2026-03-06", "and is none in Hamburg: a Tuesday"),
    Example("gdpr", "DE", "2026-09-03", "2026-10-05", "2026-12-03", "Sat 3 Oct, German Unity Day, then Sun → Mon; Thu"),
    Example("gdpr", "FR", "2026-06-14", "2026-07-15", "2026-09-14", "14 July → Wed; Mon 14 Sep"),
    Example(
        "gdpr", "FR", "2026-04-08", "2026-05-11", "2026-07-08", "Fri 8 May is a holiday in France → Mon; Wed 8 Jul"
    ),
    Example("gdpr", "DE", "2026-04-08", "2026-05-08", "2026-07-08", "and is a working day in Germany"),
    Example(
        "gdpr", "AT", "2026-09-26", "2026-10-27", "2026-12-28", "Mon 26 Oct, National Day → Tue; Sat 26 Dec → Mon 28"
    ),
    Example("gdpr", "DE", "2026-04-14", "2026-05-15", "2026-07-14", "Ascension on Thu 14 May → Fri; Tue 14 Jul"),
    Example("gdpr", "DE", "2027-02-28", "2027-03-30", "2027-05-28", "Sun 28 Mar, Easter Monday → Tue 30; Fri 28 May"),
    Example(
        "gdpr", "", "2026-02-28", "2026-03-30", "2026-05-28", "same number, not month's end: Sat 28 Mar → Mon; Thu"
    ),
    Example("gdpr", "IE", "2026-02-17", "2026-03-18", "2026-05-18", "Saint Patrick's Day → Wed; Sun 17 May → Mon 18"),
    Example(
        "gdpr",
        "DE",
        "2024-02-29",
        "2024-04-02",
        "2024-05-29",
        "a leap day: 29 Mar is Good Friday, Easter Monday 1 Apr → Tue; a Wed, the day before Corpus Christi",
    ),
    Example("gdpr", "DE-SN", "2026-10-18", "2026-11-19", "2027-01-18", "Repentance Day, Wed 18 Nov → Thu; Mon 18 Jan"),
    Example("gdpr", "DE", "2026-10-18", "2026-11-18", "2027-01-18", "and is a holiday in Saxony alone"),
    Example("gdpr", "DE-NW", "2026-05-04", "2026-06-05", "2026-08-04", "Corpus Christi on Thu 4 Jun → Fri; Tue 4 Aug"),
    # --- UK GDPR art. 12(3); art. 12A: the days from asking through the answer do not count ---------------------------
    Example("uk_gdpr", "GB-ENG", "2026-03-03", "2026-04-07", "2026-06-03", "Good Friday to Easter Monday → Tue 7; Wed"),
    Example("uk_gdpr", "GB-SCT", "2026-03-06", "2026-04-06", "2026-06-08", "no holiday in Scotland; Sat 6 Jun → Mon 8"),
    Example(
        "uk_gdpr",
        "GB-NIR",
        "2026-06-12",
        "2026-07-14",
        "2026-09-14",
        "Sun 12 Jul is a holiday, moved to Mon → Tue; Sat",
    ),
    Example("uk_gdpr", "GB-ENG", "2026-06-12", "2026-07-13", "2026-09-14", "and is none in England: Sun → Mon"),
    Example(
        "uk_gdpr",
        "GB-ENG",
        "2026-11-25",
        "2026-12-29",
        "2027-02-25",
        "Boxing Day, a Sat, is moved to Mon 28 → Tue; Thu",
    ),
    Example(
        "uk_gdpr",
        "GB-SCT",
        "2026-12-01",
        "2027-01-05",
        "2027-03-01",
        "2 Jan, a Sat, is moved to Mon 4 → Tue; Mon 1 Mar",
    ),
    Example(
        *(
            "uk_gdpr",
            "GB-ENG",
            "2026-05-05",
            "2026-06-15",
            "2026-08-17",
            "10 days: Fri 5 Jun → Mon 15; Wed 5 Aug → Sat 15",
        ),
        pauses=[paused("identity", "2026-05-10", "2026-05-19")],
    ),
    Example(
        *(
            "uk_gdpr",
            "GB-ENG",
            "2026-05-05",
            "2026-06-08",
            "2026-08-06",
            "asked and answered on one day: Sat 6 Jun → Mon",
        ),
        pauses=[paused("identity", "2026-05-20", "2026-05-20")],
    ),
    Example(
        *("uk_gdpr", "GB-ENG", "2026-06-01", "2026-07-07", "2026-09-07", "1 to 3 and 3 to 6 July count once: 6 days"),
        pauses=[
            paused("identity", "2026-07-01", "2026-07-03"),
            paused("clarification", "2026-07-03", "2026-07-06"),
        ],
    ),
    Example(
        *("uk_gdpr", "GB-ENG", "2026-06-01", "2026-07-01", "2026-09-04", "asked after the first end: the second alone"),
        pauses=[paused("clarification", "2026-07-02", "2026-07-04")],
    ),
    Example(
        *(
            "uk_gdpr",
            "GB-ENG",
            "2025-12-15",
            "2026-01-19",
            "2026-03-19",
            "30, 31 Dec, 1, 2 Jan: Thu 15 Jan, Sun 15 Mar, + 4",
        ),
        pauses=[paused("clarification", "2025-12-30", "2026-01-02")],
    ),
    # --- CCPA §1798.130(a)(2), 11 CCR §7021: 45 days, 90 in all, the day of receipt is the first; 10 business days ----
    Example(
        *(
            "ccpa",
            "US-CA",
            "2026-01-01",
            "2026-02-14",
            "2026-03-31",
            "Jan has days 1 to 31, 14 more; 31 + 28 + 31 = 90",
        ),
        confirm="2026-01-15",  # 2, 5 to 9, 12 to 15 January
    ),
    Example(
        *("ccpa", "US-CA", "2026-01-09", "2026-02-22", "2026-04-08", "23 days of January and 22; 23 + 28 + 31 + 8"),
        confirm="2026-01-26",  # Martin Luther King's Day, the 19th, is none: 12 to 16, 20 to 23, 26 January
    ),
    Example(
        *("ccpa", "US-CA", "2026-11-16", "2026-12-30", "2027-02-13", "15 days of November and 30; 15 + 31 + 31 + 13"),
        confirm="2026-12-02",  # 17 to 20, 23 to 25, 30 November (Thanksgiving and the day after are none), 1 and 2 Dec
    ),
    Example(
        *("ccpa", "", "2024-02-01", "2024-03-16", "2024-04-30", "29 days of February and 16; 29 + 31 + 30"),
        confirm="2024-02-15",  # 2, 5 to 9, 12 to 15 February: without a country, weekends alone
    ),
    Example(
        *("ccpa", "US-CA", "2023-12-31", "2024-02-13", "2024-03-29", "1 + 31 + 13; 1 + 31 + 29 + 29, a leap year"),
        confirm="2024-01-16",  # 2 to 5, 8 to 12, 16 January: New Year and the 15th, Martin Luther King's, are none
    ),
    # --- Va. Code §59.1-577(B), C.R.S. §6-1-1306(2): 45 days, 45 more, no rolling -------------------------------------
    Example(
        "us_va", "US-VA", "2026-01-01", "2026-02-15", "2026-04-01", "30 days are left of January, 15; 30 + 28 + 31 + 1"
    ),
    Example(
        "us_va",
        "US-VA",
        "2026-05-20",
        "2026-07-04",
        "2026-08-18",
        "11 + 30 + 4: a holiday and Sat stays; 11 + 30 + 31 + 18",
    ),
    Example(
        "us_co",
        "US-CO",
        "2024-02-15",
        "2024-03-31",
        "2024-05-15",
        "14 days are left of February, 31; 14 + 31 + 30 + 15",
    ),
    Example(
        "us_co", "US-CO", "2025-12-31", "2026-02-14", "2026-03-31", "31 days of January, 14: Sat stays; 31 + 28 + 31"
    ),
    # --- an own rule: 30 days -----------------------------------------------------------------------------------------
    Example("own", "DE", "2026-03-06", "2026-04-05", "", "25 days are left of March, 5: Easter Sunday stays"),
]
