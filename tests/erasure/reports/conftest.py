"""Cases as they end up in reports, sealed, and readers for what a report is."""

import io
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pypdf
import pytest

from compliance.audit import seal
from compliance.audit.models import Checkpoint, Event
from erasure.models import Case
from erasure.reports.case_document import document
from erasure.reports.reading import Reading
from erasure.reports.typeset import Mono
from tests.trail import trail_can_be_emptied  # noqa: F401


def sealed_events(case: Case) -> list[Event]:
    seal.seal(wait=True)
    return list(Event.objects.filter(case=case.reference).select_related("leaf").order_by("leaf"))


def words_of(value: Any) -> Iterator[str]:
    """Every text of a document, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mono):
        yield value.text
    elif isinstance(value, list | tuple):
        for item in value:
            yield from words_of(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from words_of(getattr(value, name))


@pytest.fixture
def told(db: None) -> Callable[[Case], str]:
    """All that the document of a case says, one text a line."""

    def tell(case: Case) -> str:
        events = sealed_events(case)
        made = document(Reading(case.reference, events), Checkpoint.objects.order_by("size").last())
        return "\n".join(words_of(made))

    return tell


def text_of(content: bytes) -> str:
    """What somebody who opens the PDF reads."""
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def furthest_right(content: bytes) -> float:
    """The last place of the page, in pt from its left, at which there is any text."""
    words = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=content, capture_output=True, check=True, timeout=60
    ).stdout.decode()
    return max(map(float, re.findall(r'<word [^>]*xMax="([0-9.]+)"', words)))


def streams_of(content: bytes) -> Iterator[bytes]:
    """Everything in the PDF that is compressed, as it is when it is not."""
    reader = pypdf.PdfReader(io.BytesIO(content))
    for number in range(1, len(reader.xref[0]) + 1 if reader.xref else 1):
        item = reader.get_object(number)
        if isinstance(item, pypdf.generic.StreamObject):
            yield item.get_data()
