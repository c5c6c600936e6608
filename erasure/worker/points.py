"""Named points between the commits of the engine, where a test can end the process. Nothing else uses them."""

BEFORE_INTENT = "before_intent"
AFTER_INTENT = "after_intent"
BEFORE_SEND = "before_send"
AFTER_REPLY = "after_reply"
AFTER_SETTLE = "after_settle"

ALL = (BEFORE_INTENT, AFTER_INTENT, BEFORE_SEND, AFTER_REPLY, AFTER_SETTLE)


def reached(point: str, step: str = "") -> None:
    """Does nothing. Tests put a process's end in its place. `step`: of the claim, once there is one."""
