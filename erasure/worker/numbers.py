"""The numbers by which vendors call their jobs. A number that stands for somebody else's work must never be taken for
this one's: it would be followed to its end, and work reported done that nobody did."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from compliance.vault.seal import keyed_digest
from erasure.connectors.base import BrokenReply, Result
from erasure.models import SubTask, Vendor, VendorNumber

from .claims import Claim


def foreign(claim: Claim, results: Mapping[str, Result]) -> BrokenReply | None:
    """What to say if the vendor gave a number that it has given before for work on other identifiers; None if it did
    not. Call it under the vendor's lock. Numbers of a batch are its call's, and shared on purpose."""
    if claim.step.batch:
        return None
    (share,) = claim.shares
    given = VendorNumber.objects.filter(
        vendor=claim.vendor, digest__in=_digests(claim.vendor, results[share.work.ref].references.values())
    )
    mine = share.sub_task.identifiers.values("identifier__fingerprint")
    same_work = given.filter(sub_task__identifiers__identifier__fingerprint__in=mine)
    if not given.exclude(sub_task=share.sub_task).exclude(pk__in=same_work).exists():
        return None
    text = _(
        "The vendor answered with the number of a job that it gave for another case. Whether it began one for this "
        "case is unknown, and nothing of that job is assumed. Try again: a retry asks for a new one."
    )
    return BrokenReply(text, code="number_of_another")


def keep(sub_task: SubTask, numbers: Iterable[str]) -> None:
    """Remembers that these stand for this work."""
    for digest in _digests(sub_task.vendor, numbers):
        VendorNumber.objects.get_or_create(vendor=sub_task.vendor, digest=digest, sub_task=sub_task)


def _digests(vendor: Vendor, numbers: Iterable[str]) -> list[str]:
    """An account that moves to another server begins with other numbers."""
    return [keyed_digest(vendor.data_key, "number", f"{vendor.base_url} {number}".encode()) for number in numbers]
