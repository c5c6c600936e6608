"""What the parts of the engine hand to each other, and the times that hang together."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from erasure.connectors.base import Connector, Result, Step, VendorError, Work
from erasure.evidence import Sink
from erasure.models import Call, SubTask, Vendor

SEND_SECONDS = 30  # from the claim to the last byte of an ordinary reply
LEASE = timedelta(seconds=SEND_SECONDS + 60)  # longer: nothing is sent any more when it ends


@dataclass(frozen=True)
class Claim:
    """A sub-task that is ours until its lease ends, with everything its step needs."""

    call: Call
    vendor: Vendor
    connector: Connector
    step: Step
    sub_task: SubTask
    work: Work
    before: dict[str, datetime | None]  # what the claim put in its place, should nothing come of it
    begun: float  # time.monotonic() of the claim
    more: bool  # the lane has further due work


@dataclass
class Came:
    """What came of a step: a result, a failure, or (both None) an error in Erasure Desk itself."""

    result: Result | None = None
    failure: VendorError | None = None
    sent: bool = False
    transcript: dict[str, Any] = field(default_factory=dict)
    sinks: list[Sink] = field(default_factory=list)
