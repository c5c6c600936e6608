"""Asking whether somebody is on the suppression list."""

from typing import Any

from compliance.staff.models import Scope
from erasure import suppression

from . import bodies, vendor_replies
from .base import Change, Spec


class Check(Change):
    specs = {
        "POST": Spec(
            "check_suppression",
            "Which of these identifiers belong to somebody who was erased, and since when",
            Scope.SUPPRESSION_READ,
            vendor_replies.CheckShown,
            body=bodies.CheckBody,
        )
    }

    def act(self, values: dict[str, Any], **where: str) -> Any:
        wanted = [(item["kind"], item["value"]) for item in values["identifiers"]]
        found = suppression.check(wanted, by=self.request.user, country=values["country"])
        return vendor_replies.CheckShown({"results": found}).data
