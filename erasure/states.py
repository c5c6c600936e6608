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
    "BulkDeed",
    "BulkStatus",
    "CancelReason",
    "CaseStatus",
    "Channel",
    "Ground",
    "Held",
    "IdentifierState",
    "IdentityMethod",
    "IdentityResult",
    "ImportStatus",
    "Kind",
    "LetterKind",
    "MailState",
    "NotTold",
    "Operation",
    "Origin",
    "Outcome",
    "Pause",
    "RefusalGround",
    "Regime",
    "RemovalReason",
    "RevisionStatus",
    "Role",
    "RowOutcome",
    "RowResult",
    "ShredReason",
    "SubTaskStatus",
    "Trouble",
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


class ExtensionReason(TextChoices):
    """Why a reply takes longer (GDPR art. 12(3); "reasonably necessary", 11 CCR §7021(b))."""

    COMPLEXITY = "complexity", _("the request is complex")
    NUMBER = "number", _("the number of requests")
    BOTH = "both", _("the request is complex, and there are many")


class InquiryReason(TextChoices):
    """What a person is asked about their request (GDPR art. 12(6); UK GDPR art. 12A)."""

    IDENTITY = "identity", _("who they are")
    CLARIFICATION = "clarification", _("what they ask for")


class IdentityMethod(TextChoices):
    """How it was checked who a person is (GDPR art. 12(6); 11 CCR §7060 to §7063)."""

    ACCOUNT = "account", _("signed in to their account")
    CONTACT = "contact", _("answered from an address on record")
    DETAILS = "details", _("named details that are on record")
    DOCUMENT = "document", _("showed an identity document")
    AUTHORITY = "authority", _("an agent's authority was checked")
    OTHER = "other", _("other")


class IdentityResult(TextChoices):
    PROVEN = "proven", _("proven")
    NOT_PROVEN = "not_proven", _("not proven")


class NotTold(TextChoices):
    """Why a recipient need not be told of an erasure or a restriction (GDPR art. 19)."""

    IMPOSSIBLE = "impossible", _("it is impossible")
    DISPROPORTIONATE = "disproportionate", _("it would take a disproportionate effort")


class Channel(TextChoices):
    EMAIL = "email", _("e-mail")
    PHONE = "phone", _("phone")
    FORM = "form", _("web form")
    LETTER = "letter", _("letter")
    IN_PERSON = "in_person", _("in person")
    API = "api", _("API")
    AGENT = "agent", _("authorised agent")
    OTHER = "other", _("other")


class LetterKind(TextChoices):
    """What the person is written (GDPR art. 12(3), 12(4), 12(6), 19)."""

    ACKNOWLEDGEMENT = "acknowledgement", _("confirmation of receipt")
    IDENTITY_REQUEST = "identity_request", _("question who they are")
    CLARIFICATION_REQUEST = "clarification_request", _("question what they ask for")
    EXTENSION = "extension", _("notice of an extension")
    REFUSAL = "refusal", _("notice of refusal")
    COMPLETION = "completion", _("reply: what was done")
    RECIPIENTS = "recipients", _("list of recipients")


class MailState(TextChoices):
    """How far the e-mail of a letter is; one that was sent another way has none. `unknown`: the mail server gave no
    answer, so the person may have it or not; it is not sent again before somebody says so."""

    NONE = "none", _("sent another way")
    QUEUED = "queued", _("to be sent")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    UNKNOWN = "unknown", _("not known whether it was sent")
    FAILED = "failed", _("not sent")


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


class RemovalReason(TextChoices):
    """Why somebody is taken off the suppression list."""

    CAME_BACK = "came_back", _("the person has come back")
    CONSENTED = "consented", _("the person consents again")
    MISTAKEN = "mistaken", _("listed by mistake")
    OTHER = "other", _("other")


class CancelReason(TextChoices):
    MISTAKEN = "mistaken", _("opened by mistake")
    WITHDRAWN = "withdrawn", _("withdrawn by the person")
    DUPLICATE = "duplicate", _("duplicate of another case")
    OTHER = "other", _("other")


class ShredReason(TextChoices):
    """Why the personal data of a case was destroyed. The first three say so by themselves; people give the others."""

    TIME_OVER = "time_over", _("the time for keeping it was over")
    ABANDONED = "abandoned", _("an abandoned draft")
    RESTORED = "restored", _("it had been destroyed before, and a restored backup had brought it back")
    PERSON_ASKS = "person_asks", _("the person asks for it")
    MISTAKEN = "mistaken", _("opened by mistake")
    NOT_NEEDED = "not_needed", _("it is no longer needed")
    OTHER = "other", _("other")


#: The reasons that people give.
SHRED_REASONS = (ShredReason.PERSON_ASKS, ShredReason.NOT_NEEDED, ShredReason.MISTAKEN, ShredReason.OTHER)


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
    SubTaskStatus.READY: frozenset(
        {
            SubTaskStatus.RUNNING,
            SubTaskStatus.AWAITING_ATTESTATION,
            SubTaskStatus.NEEDS_ATTENTION,
            SubTaskStatus.DONE,
            SubTaskStatus.STOPPED,
        }
    ),
    SubTaskStatus.WAITING: frozenset(
        {
            SubTaskStatus.RUNNING,
            SubTaskStatus.AWAITING_ATTESTATION,
            SubTaskStatus.NEEDS_ATTENTION,
            SubTaskStatus.DONE,
            SubTaskStatus.STOPPED,
        }
    ),
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
    SubTaskStatus.AWAITING_ATTESTATION: frozenset(
        {SubTaskStatus.DONE, SubTaskStatus.NEEDS_ATTENTION, SubTaskStatus.STOPPED}
    ),
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


class ImportStatus(TextChoices):
    """Where the import of a file stands."""

    CHECKED = "checked", _("checked, to be accepted")
    RUNNING = "running", _("running")
    ENDED = "ended", _("ended")
    DISCARDED = "discarded", _("discarded")


class RowOutcome(TextChoices):
    """What became of one row of an imported file."""

    OPENED = "opened", _("opened")
    SKIPPED = "skipped", _("already there")
    WRONG = "wrong", _("to be mended")


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


class Trouble(TextChoices):
    """What deserves an alert."""

    PAUSED = "paused", _("vendor account paused")
    ATTENTION = "attention", _("vendor work needs attention")
    STALLED = "stalled", _("due work is not taken up")
    UNSEALED = "unsealed", _("the trail is not sealed")
    LETTERS = "letters", _("letters could not be sent")
    ESCALATED = "escalated", _("nobody who is here may go on with cases that are due soon")


class Escalated(TextChoices):
    """What is not settled shortly before a case is due."""

    APPROVAL = "approval", _("its plan awaits approval")
    ATTENTION = "attention", _("vendor work needs attention")
    REPLY = "reply", _("the person has not been answered")


class Notice(TextChoices):
    """What people are reminded of, with what a mail says of it."""

    APPROVAL = "escalated_approval", _("Due soon, and the plan still awaits approval")
    ATTENTION = "escalated_attention", _("Due soon, and vendor work needs attention")
    UNANSWERED = "escalated_reply", _("Due soon, and no reply is recorded")
    REPLY = "reply", _("Reply to the person")
    CONFIRM = "confirm", _("Receipt to be confirmed to the person")


class Attention(TextChoices):
    """Why a sub-task needs attention, where the engine says so; a connector's own codes stand beside these."""

    PLAN_CHANGED = "plan_changed", _("what was approved is no longer what would be sent")
    TOO_MANY_TRIES = "too_many_tries", _("tried too often")
    TOO_LONG = "too_long", _("the vendor takes longer than it should")
    UNREACHABLE = "unreachable", _("the vendor could not be reached for days")
    NOT_CONFIRMED = "not_confirmed", _("nobody has confirmed it in time")
    BROKEN_REPLY = "broken_reply", _("the vendor's reply could not be understood")
    REFUSED = "refused", _("the vendor refused")
    UNREADABLE = "unreadable", _("sealed data could not be opened")
    DEFECT = "defect", _("an error in Erasure Desk")


class BulkDeed(TextChoices):
    """What can be done with many at once (`erasure.bulk`)."""

    SUBMIT = "submit", _("submit for approval")
    APPROVE = "approve", _("approve")
    REJECT = "reject", _("reject")
    RETRY = "retry", _("try again")
    ATTEST = "attest", _("confirm by hand")
    SEARCHED = "searched", _("record a search that found nobody")
    REPLY = "reply", _("record the reply")
    EXTEND = "extend", _("record an extension")
    SEND_ACKNOWLEDGEMENT = "send_acknowledgement", _("send the confirmation of receipt")
    SEND_COMPLETION = "send_completion", _("send the reply")
    HOLD = "hold", _("put on hold")
    RELEASE = "release", _("release from hold")
    EXPORT = "export", _("export")


class BulkStatus(TextChoices):
    """One deed on many cases: `prepared` was shown to somebody who has not said yes (yet)."""

    PREPARED = "prepared", _("not started")
    RUNNING = "running", _("under way")
    ENDED = "ended", _("ended")
    STOPPED = "stopped", _("stopped by hand")


class RowResult(TextChoices):
    """What came of one row of it. While it is to be done it has none."""

    DONE = "done", _("done")
    SKIPPED = "skipped", _("skipped")
    FAILED = "failed", _("failed")
