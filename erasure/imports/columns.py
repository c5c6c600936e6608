"""The columns of a file: what each is called, what it holds, and which words it takes. All of it comes from the enums
and rules that cases are held to, so that the page which explains it says what the code does."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure.connectors.base import KIND
from erasure.normalise import KNOWN_KINDS
from erasure.states import Channel, Ground, Kind, Regime

from .reading import NotATable

PREFIX = "identifier:"
PROBLEM = "problem"  # the column that our own list of rows to be mended adds
IDENTIFIER, IGNORED, UNKNOWN = "identifier", "ignored", "unknown"


@dataclass(frozen=True)
class Column:
    """A fact of the request. `words`: the only ones that it takes; `example`: what the template's sample row has."""

    name: str
    label: Any
    help: Any
    example: str = ""
    required: bool = False
    words: type[TextChoices] | None = None


FACTS = (
    Column("kind", gettext_lazy("Request type"), gettext_lazy("What the person asks for."), "erasure", True, Kind),
    Column("regime", gettext_lazy("Law"), gettext_lazy("The law it is made under."), "gdpr", True, Regime),
    Column("ground", gettext_lazy("Reason"), gettext_lazy("Why the person asks."), "subject_request", True, Ground),
    Column("channel", gettext_lazy("Channel"), gettext_lazy("How the request came in."), "email", False, Channel),
    Column(
        "received_at",
        gettext_lazy("Received"),
        gettext_lazy(
            "A day such as 2026-11-02, or a moment such as 2026-11-02 09:30, in the desk's time zone; "
            "2026-11-02T09:30:00Z names its zone. Empty: the time of the import. A day such as 02/11/2026 is taken "
            "only if you say at the upload whether the day or the month comes first."
        ),
        "2026-11-02",
    ),
    Column("country", gettext_lazy("Country"), gettext_lazy("Two letters (ISO 3166), such as DE."), "DE"),
    Column(
        "subdivision",
        gettext_lazy("State or region"),
        gettext_lazy("Its short form, such as BY. It needs the country too."),
        "BY",
    ),
    Column(
        "external_id",
        gettext_lazy("External id"),
        gettext_lazy(
            "The number this request has elsewhere, 200 characters at most. A row whose external id you have used "
            "before is not opened again: you are told the case that has it."
        ),
        "delete-this-sample-row",
    ),
    Column("name", gettext_lazy("Name"), gettext_lazy("The requester's name. Kept encrypted."), "Ada Example"),
    Column(
        "reply_to",
        gettext_lazy("Reply address"),
        gettext_lazy("Where the reply goes. It is not looked up at a vendor: repeat it in the column email for that."),
        "ada@example.org",
    ),
    Column("language", gettext_lazy("Language"), gettext_lazy("The language of the reply, such as de."), "de"),
    Column("acting_for", gettext_lazy("Acting for"), gettext_lazy("The person on whose behalf it is asked.")),
    Column(
        "vendors",
        gettext_lazy("Vendors"),
        gettext_lazy(
            "Short names or names of vendor accounts, separated by a semicolon. Empty: every enabled vendor account."
        ),
    ),
    Column("note", gettext_lazy("Note"), gettext_lazy("Kept encrypted with the case.")),
)
BY_NAME = {column.name: column for column in FACTS}
SAMPLE = BY_NAME["external_id"].example  # a row with it is the template's own, and is refused
SAMPLE_IDENTIFIERS = {"email": "ada@example.org", "customer_id": "C-1001"}
ALIASES = {"e_mail": "email"}


@dataclass(frozen=True)
class Place:
    """A column of a file: its letter as spreadsheets show it, what its header says, and what it is: the name of a fact,
    or one of IDENTIFIER (then `name` is the kind), IGNORED, UNKNOWN."""

    letter: str
    title: str
    role: str
    name: str


def kinds(mapped: Iterable[str]) -> list[str]:
    """The identifier kinds that may be a column: those every desk knows, and those that vendor accounts map."""
    return list(dict.fromkeys((*KNOWN_KINDS, *sorted(mapped))))


def letter(position: int) -> str:
    """A, B, … Z, AA, … for 0, 1, …"""
    name = ""
    position += 1
    while position:
        position, last = divmod(position - 1, 26)
        name = chr(65 + last) + name
    return name


def role_of(title: str, known: Iterable[str]) -> tuple[str, str]:
    """What a header's cell names: a role (see Place) and a name."""
    word = re.sub(r"[\s\-]+", "_", title.strip().casefold())
    word = ALIASES.get(word, word)
    known = set(known)
    if word.startswith(PREFIX):
        kind = word.removeprefix(PREFIX).strip("_")
        return (IDENTIFIER, kind) if kind in known and KIND.fullmatch(kind) else (UNKNOWN, "")
    if word == PROBLEM:
        return IGNORED, word
    for column in FACTS:
        if word == column.name or title.strip().casefold() in (
            str(column.label).casefold(),
            _english(column.label).casefold(),
        ):
            return column.name, column.name
    for kind in (word, re.sub(r"_[0-9]+$", "", word)):  # email_2 is one more column of e-mail addresses
        if kind in known:
            return IDENTIFIER, kind
    return UNKNOWN, ""


def places(header: list[str], known: Iterable[str]) -> list[Place]:
    """The columns of a file. Raises NotATable when one that is needed is missing, or a fact is there twice."""
    found = [Place(letter(at), title.strip(), *role_of(title, known)) for at, title in enumerate(header)]
    for column in FACTS:
        named = [place for place in found if place.role == column.name]
        if len(named) > 1:
            raise NotATable(
                _("The columns %(letters)s are both “%(name)s”. Take one of them out. Nothing was saved.")
                % {"letters": ", ".join(place.letter for place in named), "name": column.name}
            )
        if column.required and not named:
            raise NotATable(
                _("The column “%(name)s” (%(label)s) is missing. Nothing was saved.")
                % {"name": column.name, "label": column.label}
            )
    if not any(place.role == IDENTIFIER for place in found):
        raise NotATable(
            _(
                "No column holds identifiers, such as email or customer_id: without one nobody can be found. "
                "Nothing was saved."
            )
        )
    return found


def unknown(found: list[Place]) -> list[Place]:
    """The columns that nothing here knows. One without any title is an empty column that a spreadsheet left."""
    return [place for place in found if place.role == UNKNOWN and place.title]


def _english(label: Any) -> str:
    from django.utils.translation import override

    with override(None):
        return str(label)
