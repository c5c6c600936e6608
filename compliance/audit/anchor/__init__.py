"""Anchoring: checkpoints kept where the owner of this database cannot change them.

A log that its owner rewrites and signs again is consistent in itself; only somebody who kept an earlier checkpoint can
tell. So the newest one goes to each place of the setting AUDIT_ANCHOR, and under a time stamp of AUDIT_TIMESTAMP_URL.

places      a folder, a webhook, a time-stamping authority: what each is called, and how it is given a checkpoint
post        one POST to an address of the operator's, within bounds
timestamp   the request to a time-stamping authority, and the check of its reply (RFC 3161)
rounds      which place is due, one anchoring, and what came of it
standing    where each place stands, for people
"""

from .rounds import Outcome, anchor_all, due, run, wake
from .standing import Standing, standing

__all__ = ["Outcome", "Standing", "anchor_all", "due", "run", "standing", "wake"]
