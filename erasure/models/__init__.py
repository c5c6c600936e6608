"""Fields and constraints; no workflow (that is `lifecycle` and `worker`)."""

from .call import Call, CallSubTask
from .case import Case, Note, ReferenceCounter
from .evidence import Evidence
from .identifier import Identifier
from .plan import PlanParty, PlanRevision
from .subtask import SubTask, SubTaskIdentifier
from .vendor import Vendor

__all__ = [
    "Call",
    "CallSubTask",
    "Case",
    "Evidence",
    "Identifier",
    "Note",
    "PlanParty",
    "PlanRevision",
    "ReferenceCounter",
    "SubTask",
    "SubTaskIdentifier",
    "Vendor",
]
