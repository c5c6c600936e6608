"""Work that a person has to look at, and what they read there."""

from typing import Any

from django.utils.translation import gettext as _

from erasure import actions, lifecycle
from erasure.models import SubTask
from erasure.states import Attention, SubTaskStatus


def ask(sub_task: SubTask, code: str, text: str, resume: str, **fields: Any) -> None:
    """A sub-task needs attention. `text` says what a person can do, `resume` is the step that a retry goes on with."""
    lifecycle.move(
        sub_task,
        SubTaskStatus.NEEDS_ATTENTION,
        attention_code=code,
        attention_text=text[:600],
        resume_step=resume or sub_task.step,
        next_at=None,
        lease_until=None,
        **fields,
    )
    lifecycle.work_event(sub_task, actions.WORK_ATTENTION, step=sub_task.step, code=code)


def set_aside(sub_task: SubTask, code: Attention, *, resume: str = "", **fields: Any) -> None:
    """The same, for a reason that the engine has."""
    ask(sub_task, code, TEXTS[code](), resume, **fields)


#: What staff read. Each says what happened, whether anything was done, and what to do.
TEXTS = {
    Attention.PLAN_CHANGED: lambda: _(
        "What would be sent next is not what was approved: identifiers, the vendor's address or an option changed "
        "after the approval. Nothing more was sent; what was sent before stands. Undo the change and try again, or "
        "give this work up and open a new case."
    ),
    Attention.TOO_MANY_TRIES: lambda: _(
        "Several tries of this step ended without an answer. If it changes something at the vendor, it may have been "
        "done more than once; the trail names each try. Look at the vendor's own screen, then try again or confirm by "
        "hand."
    ),
    Attention.TOO_LONG: lambda: _(
        "The vendor has not finished in the time it should need. What was sent stands. Ask the vendor, then try again "
        "(the desk goes on asking) or confirm by hand."
    ),
    Attention.UNREACHABLE: lambda: _(
        "For days every call to the vendor, or its sign-in, has failed, so this was not sent. What was sent before "
        "stands. Look at the vendor account's page for the reason, then try again, or have the work done at the vendor "
        "by hand and confirm it."
    ),
    Attention.NOT_CONFIRMED: lambda: _(
        "Nobody has confirmed that the vendor is done, and the time in which it acts is over. What was sent stands. "
        "Look at the vendor's own screen, then confirm by hand; a retry sends nothing, it gives the vendor more time."
    ),
    Attention.UNREADABLE: lambda: _(
        "The sealed identifiers could not be opened, so nothing was sent. Check the key ring (KEY_RING), then try "
        "again."
    ),
    Attention.DEFECT: lambda: _(
        "Erasure Desk itself failed at this step. If the step writes, it may have been done. The log has the call's "
        "number; look at the vendor's screen before you try again."
    ),
}
