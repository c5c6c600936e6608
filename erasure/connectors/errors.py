"""What a step may raise, and what the engine makes of it."""

import re
from datetime import timedelta


class VendorError(Exception):
    """Base of what a step may raise. `code` is a stable word, the text a sentence for staff: what happened and what to
    do. Neither may hold an identifier, a secret or a vendor's body."""

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class RetryLater(VendorError):
    """Nothing was done; try the same step again, `after` a time if the vendor named one."""

    def __init__(self, text: str, *, code: str = "", after: timedelta | None = None) -> None:
        super().__init__(text, code=code)
        self.after = after


class Refused(VendorError):
    """The vendor understood and said no, for good. Nothing was done."""


class Misconfigured(VendorError):
    """The account is wrong (credentials, host, settings): the vendor is paused, not 400 cases blamed."""


class BrokenReply(VendorError):
    """The reply is outside what the vendor documents: nothing is assumed, a person must look."""


class OutcomeUnknown(VendorError):
    """The call may have reached the vendor and no reply came. Raised by the client alone, never by a connector."""
