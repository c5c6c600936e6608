"""The settings of a test run: the project's own, in a folder and with keys that live as long as the run.

Of the desk's environment only DATABASE_URL is taken over, so that the same suite runs on SQLite and on PostgreSQL.
What a test run reads for itself is in `tests/services.py`.
"""

import os
import re
import tempfile
from pathlib import Path

import compliance

_source = "".join(part.read_text() for part in (Path(compliance.__file__).parent / "settings").glob("*.py"))
for _name in set(re.findall(r'\b(?:read|text)\(\s*"([A-Z_]+)"', _source)) - {"DATABASE_URL"}:
    os.environ.pop(_name, None)
    os.environ.pop(f"{_name}_FILE", None)
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="erasure-desk-tests-")  # removed by conftest.pytest_unconfigure
os.environ["SECRET_KEY"] = "a-key-for-tests-alone"
os.environ["VENDOR_LOOPBACK"] = "1"
os.environ["SECOND_FACTOR"] = "0"  # a test of it turns it on

from compliance.settings import *  # noqa: E402, F403
from compliance.settings import DATA_DIR, DATABASES, Q_CLUSTER  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: journal mode, locks and a second process then behave as they do in a real desk.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
Q_CLUSTER = {**Q_CLUSTER, "workers": 100}  # a test claims at once what many workers would
WHITENOISE_AUTOREFRESH = True  # else each test client would look through all static files anew
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
