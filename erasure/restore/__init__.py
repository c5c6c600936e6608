"""After a restore: of the desk's own database, and of a vendor's.

putting_right  `manage.py after_restore`: what has to happen before work goes on upon a database from a backup
doubting       what may have been sent in the time that was lost: vendors' work, letters, bulk work, imports
references     the references that may have been given out in that time are left out
replaying      `manage.py replay_erasures`: what a vendor has forgotten is opened again, for approval
"""

from .putting_right import Lost, Report, back, look, put_right, shred_again
from .replaying import Replay, replay

__all__ = ["Lost", "Replay", "Report", "back", "look", "put_right", "replay", "shred_again"]
