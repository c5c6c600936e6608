"""Finding a person's cases by what somebody typed, without being told what it is."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from compliance.vault.seal import fingerprint
from erasure.models import Case, Identifier
from erasure.normalise import clean_text, normalise

MOST = 100  # cases; whoever finds more has not typed a person's own identifier
EXTERNAL = "external id"  # no kind of identifier holds a space


def find_anywhere(text: str, kinds: Iterable[str]) -> dict[UUID, list[str]]:
    """Cases that hold exactly `text`: as an identifier of one of `kinds` (whichever it can be), or as their external id
    (`EXTERNAL`) → as which. The newest first, at most `MOST` + 1. Two queries."""
    marks = {fingerprint(kind, match): kind for kind in kinds for match in _matches(kind, text)}
    held = Identifier.objects.filter(fingerprint__in=marks).order_by("-created_at")
    found: dict[UUID, list[str]] = {}
    for case, mark in held.values_list("case", "fingerprint")[: MOST + 1]:
        found.setdefault(case, []).append(marks[mark])
    with suppress(ValueError):
        mark = fingerprint(EXTERNAL.replace(" ", "_"), clean_text(text, max_length=200))
        named = Case.objects.filter(external_id_fingerprint=mark).order_by("-created_at")
        for case in named.values_list("pk", flat=True)[: MOST + 1]:
            found.setdefault(case, []).append(EXTERNAL)
    return dict(list(found.items())[: MOST + 1])


def _matches(kind: str, text: str) -> set[str]:
    """The normal forms that `text` can have as an identifier of this kind; none if it cannot be one."""
    written = [text]
    if kind == "phone" and text.startswith("00"):
        written.append(f"+{text[2:]}")
    found = set()
    for form in written:
        with suppress(ValueError):
            found.add(normalise(kind, form).match)
    return found
