"""`manage.py backup`: one consistent copy of the desk while it works, whole or not there.

snapshot  the database at one moment: a copy of it, and what it says of itself at that moment
files     the evidence that goes with it, and the keys, which go elsewhere
making    the order of all of it, the manifest, and the event
"""

from .making import Made, WrongFolder, back_up, last_backup
from .snapshot import CannotBackUp

__all__ = ["CannotBackUp", "Made", "WrongFolder", "back_up", "last_backup"]
