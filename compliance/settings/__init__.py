"""The project's settings. Every environment variable is read here, once, and nowhere else.

Each variable may also be given as a file: ``X_FILE`` names a file that holds the value of ``X``. A missing or bad value
stops the start with one line that names the variable (``manage.py`` prints it without a traceback).
"""

from .places import *  # noqa: F403, I001 - in the order of the README
from .web import *  # noqa: F403
from .people import *  # noqa: F403
from .words import *  # noqa: F403
from .storage import *  # noqa: F403
from .vendors import *  # noqa: F403
from .anchors import *  # noqa: F403
from .speech import *  # noqa: F403
