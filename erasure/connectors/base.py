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
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from .errors import BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, VendorError
from .http import Download, Http
from .options import KIND, BadSettings, Nothing, Secret, option, parse

__all__ = [
    "KIND",
    "Again",
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
    "Token",
    "VendorError",
    "Work",
    "Written",
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
class Said:
    """What is known of one identifier: its outcome, whether the vendor held data for it, how well that is proven (None:
    as well as the whole answer), and the vendor's own number under which it was taken, if it has one."""

    outcome: Outcome
    held: Held = Held.UNKNOWN
    assurance: Assurance | None = None
    reference: str = ""


@dataclass(frozen=True)
class Work:
    """One sub-task as a step sees it.

    ids         every identifier of it
    due         those that this call is for: all of them, or in a batch the ones that it carries
    said        what is known so far, by an identifier's `ref`
    memory      what earlier steps remembered
    sent_at     our clock (aware, UTC)
    unknown_at  when this step was last sent, if no answer came then that could be used: what it asks for may have been
                done; `unknown_since`: the first time since an answer that could be used
    no_answer   no answer came at all then (and not one that could not be understood)
    cancelled   the case is cancelled: what was sent is followed to its end, and nothing else is sent
    salt        random text, for a record whose hash must not give away what it holds"""

    ref: str
    operation: Operation
    ids: tuple[Id, ...]
    regime: str
    ground: str
    sent_at: datetime
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)
    due: tuple[Id, ...] = ()
    said: Mapping[str, Said] = field(default_factory=dict)
    unknown_since: datetime | None = None
    unknown_at: datetime | None = None
    no_answer: bool = False
    cancelled: bool = False
    salt: str = field(default="", repr=False)


# --- what a step says -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A downloaded file that becomes evidence. `keep` is how long its content is kept: None as long as the desk keeps
    what vendors deliver, zero not at all (hash, size and `counts` remain)."""

    download: Download
    kind: str
    keep: timedelta | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """A record that a step makes of its answer, for one sub-task alone; it becomes evidence as a download does."""

    name: str
    content: bytes = field(repr=False)
    kind: str
    keep: timedelta | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A further identifier of the same person that the vendor named; `kind` is our word for it."""

    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every answer of a step may carry beside the way on.

    remember    merged into the sub-task's memory (JSON values; sealed at rest; a None removes the key)
    references  the vendor's own numbers for this work, shown to staff and in the trail (never personal data)
    said        what is now known per identifier, by its `ref`
    evidence    files to keep
    counters    numbers the vendor reported
    found       further identifiers of the person
    assurance   how well what is said here is proven
    expected    how long from now until the vendor should be done, for staff to see
    """

    remember: Mapping[str, Any] = field(default_factory=dict, repr=False)
    references: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Said] = field(default_factory=dict)
    evidence: Sequence[Kept | Written] = ()
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
    word for it. `then` is the step that a retry by hand goes on with (default: this step's `if_unknown`). `within`: the
    time for a confirmation, after which the work needs attention."""

    to: Literal["attestation", "attention"]
    note: str
    code: str = "broken_reply"
    then: str = ""
    within: timedelta | None = None


@dataclass(frozen=True)
class Token:
    """What a sign-in gave: it takes the place of the field `token` of the account's credentials. `lives`: how long it
    is good for, None if the vendor does not say."""

    value: Secret = field(repr=False)
    lives: timedelta | None = None


# --- a connector ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A named stage. `writes`: it changes something at the vendor. `if_unknown`: where to go on when no reply came.
    `polls`: it asks whether the vendor is done, so the account's pace decides when it runs, the first time as well.
    `commits`: from here on data changes at the vendor and cannot be recalled: a cancelled case does not begin it.
    `batch`: how many distinct identifiers one call takes, of however many sub-tasks; such a step gets a list of `Work`
    and answers with a `Result` by each `ref` (0: one sub-task a call). `by_hand`: nothing is sent (it gets no client);
    while it waits to run, the vendor is acting unasked and a person may confirm at any time that it has. `label`: what
    staff see."""

    name: str
    label: Any
    writes: bool
    if_unknown: str
    polls: bool
    commits: bool
    batch: int
    by_hand: bool


def step(
    label: Any,
    *,
    writes: bool = False,
    if_unknown: str = "",
    polls: bool = False,
    commits: bool = False,
    batch: int = 0,
    by_hand: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a method as a step. A step that writes must name `if_unknown`: the step that finds out what happened, or
    itself where a repeat is harmless (the trail then names the possible duplicate). A step that only reads repeats;
    `if_unknown` is where a retry by hand goes on."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        way_on = if_unknown or ("" if writes else name)
        function.step = Step(name, label, writes, way_on, polls, commits, batch, by_hand)  # type: ignore[attr-defined]
        return function

    return mark


@dataclass(frozen=True)
class Again:
    """That a vendor is asked once more, `after` a time, whether anything is held of what it has done: as work of its
    own, which begins with `step` and ends with an outcome of each identifier. Held: no raises the proof of what was
    done to "asked again"; found data is erased only if the steps do so, and the plan has to say it. `calls`: its calls,
    for the plan, as `Connector.calls` gives them."""

    after: timedelta
    step: str
    calls: Sequence[tuple[str, str, str]]


class Connector:
    """Base of every connector. An instance is one account's settings; it holds no state of any case."""

    key: ClassVar[str]
    label: ClassVar[Any]
    about: ClassVar[Any] = ""  # for whoever chooses a connector: what it does, and by which identifiers
    Options: ClassVar[type[Any]] = Nothing
    Credentials: ClassVar[type[Any]] = Nothing
    by_hand: ClassVar[bool] = False  # no API: the work goes to a person
    #: A step that a cancelled case runs only to find out about a call without an answer (one that polls: not at all) →
    #: the step with which it goes on instead.
    when_cancelled: ClassVar[Mapping[str, str]] = {}
    patience: ClassVar[timedelta] = timedelta(days=30)  # a step that waits longer needs attention
    calls_per_week: ClassVar[int] = 0  # a quota that the vendor has published: what a new account begins with (0: none)
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

    def again(self, operation: Operation) -> Again | None:
        """How the vendor is asked again once its part has ended; None if it is not."""
        return None

    def explain(self, operation: Operation) -> Sequence[Any]:
        """Sentences for the plan: what will be done at the vendor, and what people should know before they approve."""
        return ()

    def takes(self, operation: Operation) -> timedelta | None:
        """How long the whole part usually takes, by what the vendor has published or the account is set to; None where
        nobody has said so. It is what people are told beforehand, until enough has been observed, and nothing more."""
        return None

    @property
    def home(self) -> str:
        """The base address that follows from the options, for an account that is given none; or empty."""
        return ""

    def headers(self, credentials: Any) -> Mapping[str, str]:
        """The headers that authenticate a call. Raises Misconfigured for credentials that cannot do."""
        return {}

    def signs_in(self, credentials: Any) -> str:
        """The base address where a token is fetched before other calls, or empty if these credentials need none."""
        return ""

    def sign_in(self, credentials: Any, http: Http) -> Token:
        """Fetches a token: one call, made by the engine under a lease of the account. Raises as a step does."""
        raise NotImplementedError

    def step(self, name: str) -> Step | None:
        """The step of that name, also by one that it had in an earlier release."""
        return self.steps.get(self.renamed.get(name, name))

    def signs_out(self) -> bool:
        """Whether the account ends its token whenever it has nothing left to send."""
        return False

    def sign_out(self, credentials: Any, http: Http) -> None:
        """Ends the token: one call, to where it was fetched. Raises as a step does."""
        raise NotImplementedError

    def run(self, name: str, works: Sequence[Work], http: Http | None) -> Mapping[str, Result]:
        """Runs a step for one sub-task, or for the many of a batch; the answers by each `Work.ref`. Raises as the step
        does, and Refused (`nothing_to_send`) for work without an identifier, before anything is sent."""
        function, spec = getattr(self, name), self.steps[name]
        if not any(work.due if spec.batch else work.ids for work in works):
            raise Refused(
                _t("There is no identifier to send, so nothing was sent. Add one to the case, or look the person up."),
                code="nothing_to_send",
            )
        if spec.batch:
            answers: Mapping[str, Result] = function(works, http)
            return answers
        (work,) = works
        return {work.ref: function(work) if spec.by_hand else function(work, http)}

    def left(self, name: str, work: Work) -> Sequence[Id]:
        """The identifiers of a sub-task that a batch step has still to send."""
        return work.ids

    def company(self, work: Work) -> str:
        """Sub-tasks share a batch only with those of which this is the same."""
        return ""

    def check(self, http: Http) -> str:
        """Tries the connection without writing anything; returns a sentence, or raises as a step does."""
        raise NotImplementedError

    def as_sent(self, kind: str, value: str) -> str:
        """What the vendor is sent for an identifier, so that staff can compare it with what the vendor shows."""
        return value

    def instructions(self, operation: Operation) -> str:
        """For work that goes to a person: what they are to do."""
        return ""
