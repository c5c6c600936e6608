"""Everything that can happen to a case, as the trail names it. The summaries are for people; the names are stored."""

from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import action

CASE_OPENED = action("case.opened", _("Case opened: {kind} under {regime}, received {received_on}, due {due_on}"))
CASE_AMENDED = action("case.amended", _("Draft changed: {changed}; due {due_on}"))
CASE_SUBMITTED = action("case.submitted", _("Submitted for approval: plan version {revision}"))
CASE_APPROVED = action("case.approved", _("Plan version {revision} approved"))
CASE_REJECTED = action("case.rejected", _("Rejected: {ground}"))
CASE_CANCELLED = action("case.cancelled", _("Cancelled: {reason}"))
CASE_HELD = action("case.held", _("Put on hold"))
CASE_RELEASED = action("case.released", _("Released from hold"))
CASE_ASSIGNED = action("case.assigned", _("Handler: {handler}"))
CASE_REPLIED = action("case.replied", _("Reply to the person recorded: {channel}"))
CASE_ACKNOWLEDGED = action("case.acknowledged", _("Receipt confirmed to the person: {channel}"))
CASE_ASKED = action(
    "case.asked", _("The person was asked on {asked_on}: {reason}; {channel}; due {due_on} as far as is known")
)
CASE_ANSWERED = action("case.answered", _("The person answered on {answered_on}: {reason}; due {due_on}"))
CASE_IDENTITY_CHECKED = action("case.identity_checked", _("It was checked who the person is: {result} ({method})"))
VENDOR_REFUSED = action("case.vendor_refused", _("Refused for {vendor}: {ground}"))
VENDOR_NOT_REFUSED = action("case.vendor_not_refused", _("Refusal for {vendor} taken back"))
CASE_TOLD_OF_LIFTING = action(
    "case.told_of_lifting", _("The person was told that the restriction will be lifted: {channel}")
)
CASE_LIFTED = action("case.lifted", _("Restriction lifted, by the case {by_case}"))
CASE_EXTENDED = action(
    "case.extended", _("Time to reply extended from {due_before} to {due_on}: {reason}; the person was told: {channel}")
)
CASE_ESCALATED = action("case.escalated", _("Escalated before the due date {due_on}: {stage}; people told: {told}"))
CASE_CLOSED = action("case.closed", _("Closed: {status}"))
SHRED_ASKED = action("case.shred_asked", _("Destruction of the personal data asked for: {reason}"))
SHRED_WITHDRAWN = action("case.shred_withdrawn", _("Destruction of the personal data no longer asked for"))
CASE_SHREDDED = action(
    "case.shredded", _("Personal data destroyed, with its key: {reason}; {identifiers} identifiers, {files} files")
)
CASE_SHREDDED_AGAIN = action(
    "case.shredded_again",
    _(
        "Personal data destroyed again after a restore (first on {first_on}), with its key: {identifiers} identifiers, "
        "{files} files"
    ),
)
CASE_REPLAYS = action(
    "case.replays", _("Opened because {vendor} was put back to {restored_to}: does again what was done in {original}")
)
CASE_REPLAYED = action(
    "case.replayed", _("{vendor} was put back to {restored_to}: its part is done again in {by_case}")
)
RECIPIENT_ADDED = action("recipient.added", _("A further recipient was put into the ledger"))
RECIPIENT_TOLD = action("recipient.told", _("Recipient told on {told_on}: {recipient}; {channel}"))
RECIPIENT_NOT_TOLD = action("recipient.not_told", _("Recipient not told: {recipient}; {why_not}"))
NOTE_ADDED = action("note.added", _("Note added"))
IDENTIFIER_ADDED = action("identifier.added", _("Identifier added: {kind}"))
IDENTIFIER_REMOVED = action("identifier.removed", _("Identifier removed from the draft: {kind}"))
IDENTIFIER_FOUND = action("identifier.found", _("{vendor} found a further identifier: {kind}, {state}"))
IDENTIFIERS_LEFT_OUT = action(
    "identifier.left_out",
    _("{vendor} found further identifiers that are not kept: {unusable} unusable, {beyond} beyond what a case holds"),
)
IDENTIFIER_ACCEPTED = action("identifier.accepted", _("Identifier accepted: {kind}"))
IDENTIFIER_DISMISSED = action("identifier.dismissed", _("Identifier dismissed: {kind}"))
IDENTIFIER_NOTED = action("identifier.noted", _("Suggested identifier only noted, as the case is cancelled: {kind}"))
IDENTIFIER_REVEALED = action("identifier.revealed", _("Identifier revealed: {kind}"))
REQUESTER_REVEALED = action("requester.revealed", _("Requester revealed"))
PLAN_DRAWN = action("plan.drawn", _("Plan version {revision} drawn; vendors: {vendors}"))
PLAN_REDRAWN = action("plan.redrawn", _("Plan version {revision} drawn again: something in it has changed"))
PLAN_DISCARDED = action("plan.discarded", _("Plan version {revision} discarded"))
WORK_READY = action("sub_task.ready", _("{vendor}: {operation}, ready to be sent"))
WORK_SENDING = action("sub_task.sending", _("{vendor}: about to send {step} (try {attempt})"))
WORK_WENT_ON = action("sub_task.went_on", _("{vendor}: {step} answered, goes on with {next_step}"))
WORK_REFERENCE = action("sub_task.reference", _("{vendor}: the vendor's number for it ({name}): {number}"))
WORK_UNKNOWN = action("sub_task.unknown", _("{vendor}: no answer to {step}; whether it was done is unknown ({code})"))
WORK_NOT_DONE = action("sub_task.not_done", _("{vendor}: {step} was not done ({code})"))
WORK_MAY_REPEAT = action(
    "sub_task.may_repeat", _("{vendor}: {step} is sent again and may be done twice at the vendor (call {call})")
)
WORK_IN_DOUBT = action(
    "sub_task.in_doubt",
    _("{vendor}: the desk was put back from a backup of {since}; whether since then was sent: {steps}, is unknown"),
)
WORK_LATE = action("sub_task.late", _("{vendor}: an answer to {step} came too late and changed nothing"))
WORK_ATTENTION = action("sub_task.attention", _("{vendor}: needs attention ({code})"))
WORK_RETRIED = action("sub_task.retried", _("{vendor}: to be tried again with {step}"))
WORK_HANDED_OVER = action("sub_task.handed_over", _("{vendor}: waits for confirmation by hand"))
WORK_AWAITS_IDENTIFIER = action("sub_task.awaiting_identifier", _("{vendor}: waits for an identifier"))
WORK_ATTESTED = action("sub_task.attested", _("{vendor}: confirmed by hand"))
WORK_PARTLY_ATTESTED = action(
    "sub_task.partly_attested", _("{vendor}: confirmed by hand for the reference {reference}; the rest goes on")
)
WORK_SEARCHED = action("sub_task.searched", _("{vendor}: searched, none found"))
WORK_DONE = action("sub_task.done", _("{vendor}: done ({outcomes}; proof: {assurance})"))
WORK_ASKS_AGAIN = action("sub_task.asks_again", _("{vendor}: will be asked again on {on} whether anything is held"))
WORK_ASKED_AGAIN = action(
    "sub_task.asked_again", _("{vendor}: asked again, nothing was there ({outcomes}; proof: {assurance})")
)
WORK_SKIPPED = action("sub_task.skipped", _("{vendor}: skipped ({reason})"))
WORK_STOPPED = action("sub_task.stopped", _("{vendor}: stopped ({reason})"))
EVIDENCE_STORED = action("evidence.stored", _("Evidence stored: {kind}, {size} bytes"))
EVIDENCE_DOWNLOADED = action("evidence.downloaded", _("Evidence downloaded: {kind}"))
EVIDENCE_EXPIRED = action("evidence.expired", _("Evidence content removed after its time: {kind}"))
EVIDENCE_EXPIRED_AGAIN = action(
    "evidence.expired_again", _("Evidence content removed again after a restore (first on {first_on}): {kind}")
)
CERTIFICATE_ISSUED = action(
    "certificate.issued", _("Certificate issued: SHA-256 {sha256}; it tells of the log's first {tree_size} events")
)
LETTER_WRITTEN = action("letter.written", _("Letter to the person: {letter}, {channel}; PDF with SHA-256 {sha256}"))
LETTER_SENT = action("letter.sent", _("Letter taken by the mail server: {letter}"))
LETTER_UNKNOWN = action(
    "letter.unknown", _("Letter: the mail server gave no answer, whether it was sent is unknown: {letter}")
)
LETTER_NOT_SENT = action("letter.not_sent", _("Letter not sent by e-mail ({code}), given up: {letter}"))
LETTER_SENT_AGAIN = action("letter.sent_again", _("Letter to be sent again by e-mail: {letter}"))
LETTER_ARRIVED = action("letter.arrived", _("Letter said to have reached the person: {letter}"))
LETTER_TEXT_CHANGED = action("letter_text.changed", _("Text for letters changed: {letter}, {language}"))
LETTER_TEXT_RESTORED = action("letter_text.restored", _("Text for letters as it came: {letter}, {language}"))
VENDOR_SAVED = action("vendor.saved", _("Vendor account {vendor} saved: {changed}"))
VENDOR_PAUSED = action("vendor.paused", _("Vendor account {vendor} paused: {code}"))
VENDOR_RESUMED = action("vendor.resumed", _("Vendor account {vendor} resumed"))
VENDOR_TESTED = action("vendor.tested", _("Vendor account {vendor} tested: {result}"))
REGISTER_EXPORTED = action("register.exported", _("Register of requests exported as {format}: {count} cases"))
ABSENCE_SAVED = action(
    "absence.saved", _("Absence of {person} from {from_on} until {until_on} recorded; deputy: {deputy}")
)
ABSENCE_REMOVED = action(
    "absence.removed", _("Absence of {person} from {from_on} until {until_on} taken back; deputy: {deputy}")
)
BULK_STARTED = action("bulk.started", _("Bulk work started ({deed}): {count} cases"))
BULK_ENDED = action("bulk.ended", _("Bulk work ended ({deed}): {done} done, {skipped} skipped, {failed} failed"))
BULK_STOPPED = action(
    "bulk.stopped", _("Bulk work stopped by hand ({deed}): {done} done, {skipped} skipped, {failed} failed")
)
SUPPRESSION_KEPT = action(
    "suppression.kept", _("Fingerprints kept until {until}: {kept} identifiers, {unreadable} could not be read")
)
SUPPRESSION_CHECKED = action(
    "suppression.checked",
    _("Suppression list checked: {checked} identifiers, {listed} on it, {unreadable} could not be read"),
)
SUPPRESSION_REMOVED = action("suppression.removed", _("Taken off the suppression list: {kind}; {reason}"))
SUPPRESSION_EXPIRED = action("suppression.expired", _("Entries of the suppression list whose time is over: {count}"))
IMPORT_UPLOADED = action("import.uploaded", _("File uploaded for import: {rows} rows, SHA-256 {sha256}"))
IMPORT_DISCARDED = action("import.discarded", _("What was kept of an imported file was destroyed"))
IMPORT_STARTED = action("import.started", _("Import of a file started: {rows} rows, SHA-256 {sha256}"))
IMPORT_ENDED = action(
    "import.ended", _("Import of a file ended: {opened} opened, {skipped} already there, {wrong} wrong, {left} left")
)
