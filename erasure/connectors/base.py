"""The contract between a connector and the engine.

A connector states what a vendor can do and has one function per step. A step gets plain values (`Work`), makes at most
**one** HTTP call through the client it is handed, and says what to do next. It never touches the database, the clock,
the queue or a retry loop: those are the engine's. CONTRIBUTING.md, "Add a vendor", is the checklist.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from .errors import BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, VendorError
from .http import Download, Http
from .options import KIND, BadSettings, Nothing, Secret, option, parse

__all__ = [
    "KIND",
    "Assurance",
    "BadSettings",
    "BrokenReply",
    "Connector",
    "Finish",
    "Found",
    "Go",
    "HandOver",
    "Held",
    "Id",
    "Kept",
    "Misconfigured",
    "Nothing",
    "Operation",
    "Outcome",
    "OutcomeUnknown",
    "Refused",
    "Result",
    "RetryLater",
    "Said",
    "Secret",
    "Stay",
    "Step",
    "VendorError",
    "Work",
    "option",
    "parse",
    "step",
]

# --- words a connector speaks -----------------------------------------------------------------------------------------


class Operation(TextChoices):
    """What one vendor is asked to do with a person's data."""

    ERASE = "erase", _("erase")
    RESTRICT = "restrict", _("restrict")
    UNRESTRICT = "unrestrict", _("lift the restriction")
    EXPORT = "export", _("export")


class Outcome(TextChoices):
    """What a vendor has said of one identifier."""

    ERASED = "erased", _("erased")
    NOT_HELD = "not_held", _("not held")
    RESTRICTED = "restricted", _("restricted")
    UNRESTRICTED = "unrestricted", _("restriction lifted")
    EXPORTED = "exported", _("exported")
    PROCESSED = "processed", _("processed, not itemised")
    PENDING = "pending", _("pending")
    FAILED = "failed", _("failed")
    REFUSED = "refused", _("refused")


class Held(TextChoices):
    """Whether the vendor held data for an identifier when it was asked."""

    YES = "yes", _("yes")
    NO = "no", _("no")
    UNKNOWN = "unknown", _("unknown")


class Assurance(TextChoices):
    """How well an outcome is proven, weakest first."""

    NONE = "none", _("none")
    SUBMITTED = "submitted", _("submitted")
    ACCEPTED = "accepted", _("accepted by the vendor")
    CONFIRMED = "confirmed", _("confirmed")
    ASKED_AGAIN = "asked_again", _("asked again and gone")


# --- what a step gets -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Id:
    """One identifier of the person: `ref` is ours and opaque, `kind` is our word for it, `value` the exact text."""

    ref: str
    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Work:
    """One sub-task as a step sees it. `memory`: what earlier steps remembered; `sent_at`: our clock (aware, UTC)."""

    ref: str
    operation: Operation
    ids: tuple[Id, ...]
    regime: str
    ground: str
    sent_at: datetime
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)


# --- what a step says -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A downloaded file that becomes evidence. `keep` is how long its content is kept: None as long as the case,
    zero not at all (hash, size and `counts` remain)."""

    download: Download
    kind: str
    keep: timedelta | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A further identifier of the same person that the vendor named; `kind` is our word for it."""

    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Said:
    """What is known of one identifier: its outcome, and whether the vendor held data for it."""

    outcome: Outcome
    held: Held = Held.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every answer of a step may carry beside the way on.

    remember    merged into the sub-task's memory (JSON values; sealed at rest; a None removes the key)
    references  the vendor's own numbers for this work, shown to staff and in the trail (never personal data)
    said        what is now known per identifier, by its `ref`
    evidence    files to keep
    counters    numbers the vendor reported
    found       further identifiers of the person
    expected    how long from now until the vendor should be done, for staff to see
    """

    remember: Mapping[str, Any] = field(default_factory=dict, repr=False)
    references: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Said] = field(default_factory=dict)
    evidence: Sequence[Kept] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    found: Sequence[Found] = ()
    assurance: Assurance | None = None
    expected: timedelta | None = None


@dataclass(frozen=True)
class Go(Result):
    """Go on with `step`: at once, or `after` a time."""

    step: str
    after: timedelta | None = None


@dataclass(frozen=True)
class Stay(Result):
    """Run the same step again `after` a time; without one, the account's pace decides (it backs off)."""

    after: timedelta | None = None


@dataclass(frozen=True)
class Finish(Result):
    """The vendor's part is done. By now an outcome must have been said of each identifier of the work, here or in an
    earlier answer."""


@dataclass(frozen=True)
class HandOver(Result):
    """A person goes on: `to` says as what; `note` is a sentence for staff that tells them what to do, `code` a stable
    word for it. `then` is the step that a retry by hand goes on with (default: this step's `if_unknown`)."""

    to: Literal["attestation", "attention"]
    note: str
    code: str = "broken_reply"
    then: str = ""


# --- a connector ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A named stage. `writes`: it changes something at the vendor. `if_unknown`: where to go on when no reply came.
    `polls`: it asks whether the vendor is done, so the account's pace decides when it runs, the first time as well.
    `commits`: from here on data changes at the vendor and cannot be recalled: a cancelled case does not begin it.
    `batch`: how many distinct identifiers one call takes (0: one sub-task a call). `label`: what staff see."""

    name: str
    label: Any
    writes: bool
    if_unknown: str
    polls: bool
    commits: bool
    batch: int


def step(
    label: Any,
    *,
    writes: bool = False,
    if_unknown: str = "",
    polls: bool = False,
    commits: bool = False,
    batch: int = 0,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a method as a step. A step that writes must name `if_unknown`: the step that finds out what happened, or
    itself where a repeat is harmless (the trail then names the possible duplicate). A step that only reads repeats."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        function.step = Step(name, label, writes, if_unknown or ("" if writes else name), polls, commits, batch)  # type: ignore[attr-defined]
        return function

    return mark


class Connector:
    """Base of every connector. An instance is one account's settings; it holds no state of any case."""

    key: ClassVar[str]
    label: ClassVar[Any]
    Options: ClassVar[type[Any]] = Nothing
    Credentials: ClassVar[type[Any]] = Nothing
    by_hand: ClassVar[bool] = False  # no API: the work goes to a person
    patience: ClassVar[timedelta] = timedelta(days=30)  # a step that waits longer needs attention
    words: ClassVar[Collection[str]] = ()  # what the vendor may say in a reply that staff may read
    steps: ClassVar[Mapping[str, Step]] = {}
    renamed: ClassVar[Mapping[str, str]] = {}  # old step names in stored sub-tasks → today's

    def __init__(self, options: Any = None) -> None:
        self.options = options if options is not None else self.Options()

    def __init_subclass__(cls) -> None:
        marks = {name: getattr(getattr(cls, name, None), "step", None) for name in dir(cls)}
        cls.steps = {name: mark for name, mark in marks.items() if isinstance(mark, Step)}
        for spec in cls.steps.values():
            if spec.if_unknown not in cls.steps:
                raise TypeError(f"{cls.__name__}.{spec.name} writes: it must name the step to go on with if_unknown")

    @property
    def accepts(self) -> Mapping[str, str]:
        """Identifier kinds this account can use → the vendor's name for each."""
        return {}

    @property
    def starts(self) -> Mapping[Operation, str]:
        """The operations this account can carry out → the first step of each. What is missing goes to a person."""
        return {}

    def calls(self, operation: Operation) -> Sequence[tuple[str, str, str]]:
        """The calls of a whole run in their order, for the plan: step, method, path."""
        return ()

    def explain(self, operation: Operation) -> Sequence[Any]:
        """Sentences for the plan: what will be done at the vendor, and what people should know before they approve."""
        return ()

    def headers(self, credentials: Any) -> Mapping[str, str]:
        """The headers that authenticate a call."""
        return {}

    def check(self, http: Http) -> str:
        """Tries the connection without writing anything; returns a sentence, or raises as a step does."""
        raise NotImplementedError

    def as_sent(self, kind: str, value: str) -> str:
        """What the vendor is sent for an identifier, so that staff can compare it with what the vendor shows."""
        return value

    def instructions(self, operation: Operation) -> str:
        """For work that goes to a person: what they are to do."""
        return ""
