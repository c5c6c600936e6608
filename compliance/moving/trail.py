"""The root of the trail's log, worked out anew from the text of each event that it holds."""

from django.utils.translation import gettext as _

from compliance.audit.merkle import Frontier
from compliance.audit.models import Checkpoint, Leaf
from compliance.audit.record import leaf_hash


class TrailDamaged(Exception):
    """The log does not come to what its newest checkpoint says."""


def root(alias: str) -> tuple[int, str]:
    """Size and root, in hex, of the log in a database; in constant memory. Raises TrailDamaged."""
    log = Frontier()
    rows = Leaf.objects.using(alias).order_by("index").values_list("index", "event__canonical")
    for index, canonical in rows.iterator(chunk_size=500):
        if index != log.size:
            raise TrailDamaged(_("The trail has no event with the index %d.") % log.size)
        for _subtree in log.append(bytes.fromhex(leaf_hash(canonical))):
            pass
    found = log.size, log.root().hex()
    last = Checkpoint.objects.using(alias).order_by("size").last()
    if found != ((last.size, last.root) if last else (0, found[1])):
        raise TrailDamaged(_("The trail does not come to the root that its newest checkpoint says."))
    return found
