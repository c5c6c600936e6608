"""Every status, kind and legal move of a case, in one place.

The words a connector speaks (`Operation`, `Outcome`, `Held`, `Assurance`) are defined with the connector contract and
named here as well, so that this page is the whole vocabulary. The values are stored and public (API, export).
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from erasure.connectors.base import Assurance, Held, Operation, Outcome

__all__ = [
    "Assurance",
    "Attention",
    "CancelReason",
    "CaseStatus",
    "Channel",
    "Ground",
    "Held",
    "IdentifierState",
    "Kind",
    "Operation",
    "Origin",
    "Outcome",
    "Pause",
    "RefusalGround",
    "Regime",
    "RevisionStatus",
    "Role",
    "SubTaskStatus",
    "Verdict",
]


class Kind(TextChoices):
    """The request type: what the person asks for."""

    ERASURE = "erasure", _("erasure")
    RESTRICTION = "restriction", _("restriction")
    LIFT_RESTRICTION = "lift_restriction", _("lifting a restriction")
    EXPORT = "export", _("export")

    @property
    def operation(self) -> Operation:
        """What each vendor is asked to do for a case of this kind."""
        return _OPERATIONS[self]


_OPERATIONS = {
    Kind.ERASURE: Operation.ERASE,
    Kind.RESTRICTION: Operation.RESTRICT,
    Kind.LIFT_RESTRICTION: Operation.UNRESTRICT,
    Kind.EXPORT: Operation.EXPORT,
}


class Regime(TextChoices):
    GDPR = "gdpr", _("GDPR")
    UK_GDPR = "uk_gdpr", _("UK GDPR")
    CCPA = "ccpa", _("CCPA (California)")
    US_VA = "us_va", _("Virginia")
    US_CO = "us_co", _("Colorado")
    OWN = "own", _("own rule")


class Ground(TextChoices):
    """Why the person asks (GDPR art. 17(1) and 18(1), or the like)."""

    SUBJECT_REQUEST = "subject_request", _("the person asks for it")
    NO_LONGER_NEEDED = "no_longer_needed", _("the data is no longer needed")
    CONSENT_WITHDRAWN = "consent_withdrawn", _("consent was withdrawn")
    OBJECTION = "objection", _("the person objects")
    UNLAWFUL = "unlawful", _("the processing was unlawful")
    LEGAL_OBLIGATION = "legal_obligation", _("a law demands it")
    OTHER = "other", _("other")


class RefusalGround(TextChoices):
    """Why a request may be refused (GDPR art. 12(5), 12(2), 17(3))."""

    EXPRESSION = "expression", _("freedom of expression and information")
    LEGAL_OBLIGATION = "legal_obligation", _("a legal obligation to keep the data")
    PUBLIC_HEALTH = "public_health", _("public health")
    ARCHIVING = "archiving", _("archiving, research or statistics")
    LEGAL_CLAIMS = "legal_claims", _("legal claims")
    UNFOUNDED = "unfounded", _("manifestly unfounded or excessive")
    IDENTITY_NOT_PROVEN = "identity_not_proven", _("identity not proven")


class Channel(TextChoices):
    EMAIL = "email", _("e-mail")
    PHONE = "phone", _("phone")
    FORM = "form", _("web form")
    LETTER = "letter", _("letter")
    IN_PERSON = "in_person", _("in person")
    API = "api", _("API")
    AGENT = "agent", _("authorised agent")
    OTHER = "other", _("other")


class CaseStatus(TextChoices):
    DRAFT = "draft", _("draft")
    AWAITING_APPROVAL = "awaiting_approval", _("awaiting approval")
    IN_PROGRESS = "in_progress", _("in progress")
    COMPLETED = "completed", _("completed")
    PARTLY_COMPLETED = "partly_completed", _("partly completed")
    REJECTED = "rejected", _("rejected")
    CANCELLED = "cancelled", _("cancelled")

    @property
    def is_open(self) -> bool:
        return self in OPEN


OPEN = frozenset({CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS})

#: The legal moves of a case. Whatever is not here is refused.
CASE_MOVES: dict[CaseStatus, frozenset[CaseStatus]] = {
    CaseStatus.DRAFT: frozenset({CaseStatus.AWAITING_APPROVAL, CaseStatus.REJECTED, CaseStatus.CANCELLED}),
    CaseStatus.AWAITING_APPROVAL: frozenset({CaseStatus.IN_PROGRESS, CaseStatus.REJECTED, CaseStatus.CANCELLED}),
    CaseStatus.IN_PROGRESS: frozenset({CaseStatus.COMPLETED, CaseStatus.PARTLY_COMPLETED, CaseStatus.CANCELLED}),
}


class CancelReason(TextChoices):
    MISTAKEN = "mistaken", _("opened by mistake")
    WITHDRAWN = "withdrawn", _("withdrawn by the person")
    DUPLICATE = "duplicate", _("duplicate of another case")
    OTHER = "other", _("other")


class RevisionStatus(TextChoices):
    """A plan version: `open` may still change, `approved` never does, `discarded` was rejected or cancelled."""

    OPEN = "open", _("not approved")
    APPROVED = "approved", _("approved")
    DISCARDED = "discarded", _("discarded")


class Role(TextChoices):
    """A person's part in one plan version. Nobody has two (four eyes)."""

    AUTHOR = "author", _("opened or changed it")
    APPROVER = "approver", _("approved it")


class SubTaskStatus(TextChoices):
    PLANNED = "planned", _("planned")
    READY = "ready", _("ready")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting")
    AWAITING_IDENTIFIER = "awaiting_identifier", _("awaiting an identifier")
    AWAITING_ATTESTATION = "awaiting_attestation", _("awaiting confirmation by hand")
    NEEDS_ATTENTION = "needs_attention", _("needs attention")
    DONE = "done", _("done")
    SKIPPED = "skipped", _("skipped")
    STOPPED = "stopped", _("stopped")


#: A worker may claim these once they are due.
CLAIMABLE = frozenset({SubTaskStatus.READY, SubTaskStatus.WAITING})
#: Nothing more happens to these.
ENDED = frozenset({SubTaskStatus.DONE, SubTaskStatus.SKIPPED, SubTaskStatus.STOPPED})

#: The legal moves of a sub-task (`running` is entered by a claim alone and left by settling it or by the sweep).
SUBTASK_MOVES: dict[SubTaskStatus, frozenset[SubTaskStatus]] = {
    SubTaskStatus.PLANNED: frozenset(
        {
            SubTaskStatus.READY,
            SubTaskStatus.AWAITING_IDENTIFIER,
            SubTaskStatus.AWAITING_ATTESTATION,
            SubTaskStatus.STOPPED,
            SubTaskStatus.SKIPPED,
        }
    ),
    SubTaskStatus.READY: frozenset({SubTaskStatus.RUNNING, SubTaskStatus.NEEDS_ATTENTION, SubTaskStatus.STOPPED}),
    SubTaskStatus.WAITING: frozenset({SubTaskStatus.RUNNING, SubTaskStatus.NEEDS_ATTENTION, SubTaskStatus.STOPPED}),
    SubTaskStatus.RUNNING: frozenset(
        {
            SubTaskStatus.READY,
            SubTaskStatus.WAITING,
            SubTaskStatus.DONE,
            SubTaskStatus.AWAITING_ATTESTATION,
            SubTaskStatus.NEEDS_ATTENTION,
            SubTaskStatus.STOPPED,
        }
    ),
    SubTaskStatus.AWAITING_IDENTIFIER: frozenset({SubTaskStatus.DONE, SubTaskStatus.SKIPPED, SubTaskStatus.STOPPED}),
    SubTaskStatus.AWAITING_ATTESTATION: frozenset({SubTaskStatus.DONE, SubTaskStatus.STOPPED}),
    SubTaskStatus.NEEDS_ATTENTION: frozenset({SubTaskStatus.READY, SubTaskStatus.DONE, SubTaskStatus.STOPPED}),
}


class Origin(TextChoices):
    SUBMITTED = "submitted", _("submitted")
    DISCOVERED = "discovered", _("found by a vendor")


class IdentifierState(TextChoices):
    ACCEPTED = "accepted", _("accepted")
    PROPOSED = "proposed", _("suggested")
    DISMISSED = "dismissed", _("dismissed")
    NOTED = "noted", _("noted")


class Verdict(TextChoices):
    """How a call ended. While it is under way it has none."""

    OK = "ok", _("answered")
    FAILED = "failed", _("not done")
    UNKNOWN = "unknown", _("unknown")


class Pause(TextChoices):
    """Why a vendor account is paused."""

    CREDENTIALS = "credentials", _("account settings or credentials are wrong")
    FAILURES = "failures", _("paused after failures")
    BY_HAND = "by_hand", _("paused by hand")


class Attention(TextChoices):
    """Why a sub-task needs attention, where the engine says so; a connector's own codes stand beside these."""

    PLAN_CHANGED = "plan_changed", _("what was approved is no longer what would be sent")
    TOO_MANY_TRIES = "too_many_tries", _("tried too often")
    TOO_LONG = "too_long", _("the vendor takes longer than it should")
    BROKEN_REPLY = "broken_reply", _("the vendor's reply could not be understood")
    REFUSED = "refused", _("the vendor refused")
    UNREADABLE = "unreadable", _("sealed data could not be opened")
    DEFECT = "defect", _("an error in Erasure Desk")
