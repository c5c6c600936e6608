"""Fields and constraints; no workflow (that is `lifecycle` and `worker`)."""

from .absence import Absence
from .alert import Alert, AlertMail
from .bulk import BulkJob, BulkRow
from .call import Call, CallCount, CallSubTask
from .case import Case, Note, ReferenceCounter, Shredding
from .escalation import Escalation
from .evidence import Evidence
from .identifier import Identifier
from .imports import Import, ImportRow
from .inquiry import Inquiry
from .letter import Letter, LetterTemplate
from .plan import PlanParty, PlanRevision
from .recipient import Recipient
from .reminder import Reminder, ReminderMail
from .subtask import SubTask, SubTaskIdentifier, VendorNumber
from .suppression import Suppressed
from .vendor import Vendor, VendorChange
from .worker_host import WorkerHost

__all__ = [
    "Absence",
    "Alert",
    "AlertMail",
    "BulkJob",
    "BulkRow",
    "Call",
    "CallCount",
    "CallSubTask",
    "Case",
    "Escalation",
    "Evidence",
    "Identifier",
    "Import",
    "ImportRow",
    "Inquiry",
    "Letter",
    "LetterTemplate",
    "Note",
    "PlanParty",
    "PlanRevision",
    "Recipient",
    "ReferenceCounter",
    "Reminder",
    "ReminderMail",
    "Shredding",
    "SubTask",
    "SubTaskIdentifier",
    "Suppressed",
    "Vendor",
    "VendorChange",
    "VendorNumber",
    "WorkerHost",
]
