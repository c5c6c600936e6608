"""What the parts of the engine hand to each other, and the times that hang together."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from erasure.connectors.base import Connector, Kept, Result, Step, VendorError, Work
from erasure.evidence import Sink
from erasure.models import Call, SubTask, Vendor

SEND_SECONDS = 30  # from the claim to the last byte of an ordinary reply
LEASE = timedelta(seconds=SEND_SECONDS + 60)  # longer: nothing is sent any more when it ends


@dataclass(frozen=True)
class Share:
    """One sub-task in a call. `before`: what the claim put in its place, should nothing come of it."""

    sub_task: SubTask
    work: Work
    before: dict[str, datetime | None]


@dataclass(frozen=True)
class Claim:
    """Sub-tasks that are ours until the lease ends, with everything their step needs. More than one only in a batch."""

    call: Call
    vendor: Vendor
    connector: Connector
    step: Step
    shares: tuple[Share, ...]
    begun: float  # time.monotonic() of the claim
    more: bool  # the lane has further due work

    @cached_property
    def private(self) -> frozenset[str]:
        """Everything that names one of the people whom the call is about."""
        ids = [item for share in self.shares for item in share.work.ids]
        return frozenset(text for item in ids for text in (item.value, self.connector.as_sent(item.kind, item.value)))

    def names(self, number: str) -> bool:
        """Whether a vendor's number tells who one of them is. It then belongs into sealed places only."""
        if number not in self._told:
            self._told[number] = any(_holds(_fold(number), _fold(text)) for text in self.private)
        return self._told[number]

    @cached_property
    def _told(self) -> dict[str, bool]:
        return {}


@dataclass
class Came:
    """What came of a step: results by `Work.ref`, a failure, or (both None) an error in Erasure Desk itself. `files`:
    what is to be kept as evidence, by `Work.ref`; `sinks`: everything that was written to the disk meanwhile."""

    results: Mapping[str, Result] | None = None
    failure: VendorError | None = None
    sent: bool = False
    transcript: dict[str, Any] = field(default_factory=dict)
    files: dict[str, list[tuple[Kept, Sink]]] = field(default_factory=dict)
    sinks: list[Sink] = field(default_factory=list)


LONG = 8  # characters, or digits, that no other number holds by chance


def _holds(number: str, text: str) -> bool:
    """A short text counts as a whole word only: any number may hold it by chance."""
    digits = re.sub(r"\D", "", text)
    return (
        re.search(rf"(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])", number) is not None
        or (len(text) >= LONG and text in number)
        or (len(digits) >= LONG and digits in re.sub(r"\D", "", number))
    )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
