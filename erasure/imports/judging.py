"""What would come of each row of a file: the same judgement for the preview, the dry run and the import itself."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.vault.seal import fingerprint
from erasure.intake import REQUESTER_FIELDS, Accounts, Opening, examine
from erasure.models import Case, Identifier, ImportRow
from erasure.states import Channel, IdentifierState, RowOutcome

from . import cells
from .columns import BY_NAME, IDENTIFIER, IGNORED, SAMPLE, UNKNOWN, Place, kinds, places
from .reading import Table, unguarded

_AT_ONCE = 5_000  # digests in one query
_PLAIN = ("country", "subdivision", "external_id", "note")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell. Without a letter: with the row."""

    letter: str
    name: str
    text: str


@dataclass
class Judged:
    """One row. `there` is the case that it was opened as before, `same_as` an earlier row of the file that says the
    same; either way it is not opened."""

    number: int
    opening: Opening = field(repr=False)
    cells: list[str] = field(repr=False)
    at: list[Place] = field(repr=False)  # the column of each identifier
    mark: str = field(default="", repr=False)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    there: str = ""
    same_as: int = 0

    @property
    def outcome(self) -> RowOutcome:
        if self.there or self.same_as:
            return RowOutcome.SKIPPED
        return RowOutcome.WRONG if self.problems else RowOutcome.OPENED


@dataclass(frozen=True)
class Judgement:
    table: Table
    places: list[Place]
    rows: list[Judged]

    def of(self, outcome: RowOutcome) -> list[Judged]:
        return [row for row in self.rows if row.outcome == outcome]


def judge(
    table: Table, accounts: Accounts, *, by: Any, day_first: bool | None, again: bool = False, after: int = 0
) -> Judgement:
    """Judges the rows beyond number `after` as `by` would open them (None: an account that has opened nothing yet).
    `again`: rows that were imported before are opened once more; an external id stays used. Nothing is written.

    Raises NotATable when the header is not fit."""
    found = places(table.header, kinds(accounts.kinds))
    reader = _RowReader(found, accounts, by, day_first)
    rows, people = [], {}
    by_mark: dict[str, int] = {}
    by_external: dict[str, int] = {}
    for number, given in table.rows:
        row = reader.read(number, given)
        external = row.opening.external_id.strip()
        row.same_as = 0 if again else by_mark.get(row.mark, 0)
        by_mark.setdefault(row.mark, number)
        earlier = by_external.setdefault(external, number) if external else number
        if number <= after:
            continue
        if earlier != number and not row.same_as:
            row.problems.append(reader.problem("/external_id", _("Row %(row)s has the same one.") % {"row": earlier}))
        if not row.same_as:
            people[number] = reader.examine(row)
        rows.append(row)
    if by is not None:
        _find_earlier(rows, by, again=again)
    _find_people(rows, people)
    return Judgement(table, found, rows)


class _RowReader:
    """Reads cells into an opening, and puts what is wrong at the column it came from."""

    def __init__(self, found: list[Place], accounts: Accounts, by: Any, day_first: bool | None) -> None:
        self._places, self._accounts, self._by, self._day_first = found, accounts, by, day_first
        self._facts = {place.role: place for place in found if place.role in BY_NAME}
        self._wide = len(found)

    def read(self, number: int, given: list[str]) -> Judged:
        problems = []
        if len(given) < self._wide or any(given[self._wide :]):
            text = _("The row has %(cells)s cells, the header has %(wide)s. Perhaps a quotation mark is missing.")
            problems.append(Problem("", "", text % {"cells": len(given), "wide": self._wide}))
        filled = [(place, unguarded(cell)) for place, cell in zip(self._places, given, strict=False) if cell.strip()]
        read: dict[str, Any] = {}
        identifiers: list[tuple[str, str]] = []
        at: list[Place] = []
        for place, cell in filled:
            try:
                if "\0" in cell:
                    raise ValueError(_("It holds a NUL character. Type it anew."))
                if place.role == IDENTIFIER:
                    for value in cells.values(place.name, cell):
                        cells.check_whole(value)
                        identifiers.append((place.name, value))
                        at.append(place)
                elif place.role in BY_NAME:
                    read[place.role] = self._fact(place.role, cell)
            except ValueError as error:
                problems.append(Problem(place.letter, place.name, str(error)))
        if read.get("external_id", "").strip() == SAMPLE:
            text = _("This is the sample row of the template. Delete it.")
            problems.append(self.problem("/external_id", text))
        opening = Opening(
            kind=read.get("kind", ""),
            regime=read.get("regime", ""),
            ground=read.get("ground", ""),
            channel=read.get("channel", Channel.OTHER),
            received_at=read.get("received_at"),
            vendors=read.get("vendors", ()),
            identifiers=identifiers,
            requester={name: read[name] for name in REQUESTER_FIELDS if name in read},
            **{name: read.get(name, "") for name in _PLAIN},
        )
        return Judged(number, opening, given, at, self._mark(filled), problems)

    def _fact(self, name: str, cell: str) -> Any:
        if words := BY_NAME[name].words:
            return cells.word(cell, words)
        if name == "received_at":
            return cells.moment(cell, day_first=self._day_first)
        if name == "vendors":
            return cells.vendors(cell, self._accounts.by_slug)
        if name == "external_id":
            cells.check_whole(cell)
        if name in ("country", "subdivision"):
            return cell.strip().upper()
        return cell

    def _mark(self, filled: list[tuple[Place, str]]) -> str:
        """Stands for what a row says, whatever the order of its columns, and for the account that says it."""
        said = sorted([place.name, cell.strip()] for place, cell in filled if place.role not in (IGNORED, UNKNOWN))
        return fingerprint("import_row", f"{self._by.pk if self._by else ''}\0{json.dumps(said)}")

    def examine(self, row: Judged) -> set[str]:
        """Adds what intake finds wrong; returns the fingerprints of the person. Of a row whose cells may stand in the
        wrong columns nothing more is said."""
        if any(not problem.letter for problem in row.problems):
            return set()
        seen = examine(row.opening, self._accounts)
        told = {problem.letter for problem in row.problems}
        unread = any(place.letter in told for place in self._places if place.role == IDENTIFIER)
        for pointer, text in seen.problems:
            problem = self.problem(pointer, text, row)
            if problem.letter in told if problem.letter else pointer == "/identifiers" and unread:
                continue  # what a cell's text already refused is not refused twice
            row.problems.append(problem)
        return {fingerprint(kind, normal.match) for kind, normal in seen.identifiers}

    def problem(self, pointer: str, text: str, row: Judged | None = None) -> Problem:
        """A problem at the column that a pointer of the API stands for."""
        match pointer.split("/")[1:]:
            case ["identifiers", at, *_rest] if row is not None and at.isdecimal():
                place = row.at[int(at)]
            case ["requester", name] | [name, *_]:
                place = self._facts.get(name, Place("", "", "", ""))
            case _:
                place = Place("", "", "", "")
        return Problem(place.letter, place.name, text)


# --- what is there already --------------------------------------------------------------------------------------------


def _find_earlier(rows: list[Judged], by: Any, *, again: bool) -> None:
    """Which rows this account has had opened before: by their external id, or because it imported the same row."""
    externals = {row.number: fingerprint("external_id", row.opening.external_id.strip()) for row in rows}
    externals = {row.number: externals[row.number] for row in rows if row.opening.external_id.strip()}
    used = dict(
        pair
        for some in _portions(externals.values())
        for pair in Case.objects.filter(opened_by=by, external_id_fingerprint__in=some).values_list(
            "external_id_fingerprint", "reference"
        )
    )
    marks = [] if again else [row.mark for row in rows]
    known = dict(
        pair
        for some in _portions(marks)
        for pair in ImportRow.objects.filter(mark__in=some).values_list("mark", "case__reference")
    )
    for row in rows:
        row.there = used.get(externals.get(row.number, ""), "") or known.get(row.mark, "")


def _find_people(rows: list[Judged], people: dict[int, set[str]]) -> None:
    """Warns of rows that seem to be about a person whom a case, or an earlier row, is about."""
    opened = [row for row in rows if row.outcome == RowOutcome.OPENED]
    cases: dict[str, str] = {}
    for some in _portions(mark for row in opened for mark in people[row.number]):
        accepted = Identifier.objects.filter(fingerprint__in=some, state=IdentifierState.ACCEPTED)
        cases |= dict(accepted.order_by().values_list("fingerprint").annotate(latest=Max("case__reference")))
    first: dict[str, int] = {}
    for row in opened:
        marks = people[row.number]
        if found := sorted({cases[mark] for mark in marks if mark in cases}):
            row.warnings.append(_("Perhaps the same person as in %(cases)s.") % {"cases": ", ".join(found)})
        if earlier := sorted({first[mark] for mark in marks if mark in first}):
            text = ngettext(
                "Row %(rows)s seems to be about the same person.",
                "The rows %(rows)s seem to be about the same person.",
                len(earlier),
            )
            row.warnings.append(text % {"rows": ", ".join(map(str, earlier))})
        for mark in marks:
            first.setdefault(mark, row.number)


def _portions(marks: Iterable[str]) -> Iterator[list[str]]:
    every = list(dict.fromkeys(marks))
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def by_column(problems: Iterable[Problem]) -> str:
    """Problems in one line, for the list of rows to be mended."""
    told: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        told[problem.name].append(problem.text)
    return " ".join(f"{name}: {' '.join(texts)}" if name else " ".join(texts) for name, texts in told.items())
