"""Where things are: the data folder, the keys, the evidence."""

import contextlib
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from compliance.environment import days, ignored, read, switch, text

BASE_DIR = Path(__file__).resolve().parents[2]

DEBUG = read("DEBUG", "0 or 1", switch, "0")
#: Set by manage.py for `demo` alone: an own data folder inside DATA_DIR, an own SQLite database, sandbox vendors.
_DEMOS = {"": "", "demo": "demo", "demo-once": "demo-once"}
DEMO = read("ERASURE_DESK_DEMO", "demo or demo-once", _DEMOS.__getitem__, "")

#: Plain http on this machine: sandbox vendors and tests.
VENDOR_LOOPBACK = read("VENDOR_LOOPBACK", "0 or 1", switch, "1" if DEMO else "0")

if DEMO:  # its sweep, its keys, its queue, its trail and its mails must never meet a real desk's
    ignored.update(
        (
            "DATABASE_URL",
            "KEY_RING",
            "SUPPRESSION_KEY",
            "AUDIT_SIGNING_KEY",
            "EVIDENCE_DIR",
            "CACHE_URL",
            "QUEUE_BROKER",
        )
    )
    ignored.update(("AUDIT_ANCHOR", "AUDIT_TIMESTAMP_URL", "ALERTS_TO", "EMAIL_URL", "OIDC_ISSUER"))
    ignored.add("LETTERS_FROM")

DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "var").resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    if DEMO:
        DATA_DIR = DATA_DIR / DEMO
        DATA_DIR.mkdir(exist_ok=True, mode=0o700)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR must be a folder that can be written: {error.strerror}.") from None

KEY_RING = Path(text("KEY_RING") or DATA_DIR / "keys" / "ring.json")
#: A rotation makes older copies of the ring too old, so none begins before somebody has seen to its backup.
KEY_ROTATION_DAYS = read("KEY_ROTATION_DAYS", "a whole number of days, 0 to 3650", days, "0")
#: What backups of the database may be as old as, to be opened with today's ring.
KEY_KEEP_DAYS = read("KEY_KEEP_DAYS", "a whole number of days, 0 to 3650", days, "35")
AUDIT_SIGNING_KEY = Path(text("AUDIT_SIGNING_KEY") or DATA_DIR / "keys" / "audit-signing.pem")
SUPPRESSION_KEY = Path(text("SUPPRESSION_KEY") or KEY_RING.parent / "suppression.key")
EVIDENCE_DIR = Path(text("EVIDENCE_DIR") or DATA_DIR / "evidence")


def _secret_key() -> str:
    given = text("SECRET_KEY")
    if given:
        return given
    if not (DEBUG or DEMO):
        raise ImproperlyConfigured(
            "SECRET_KEY must be set: a long random text, kept secret, the same on every host. "
            "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))', or let "
            "manage.py setup --write-environment FILE begin the file of all settings. "
            "(With DEBUG=1 one is made in DATA_DIR.)"
        )
    path = DATA_DIR / "secret-key"
    with contextlib.suppress(FileExistsError):
        made = path.with_suffix(f".{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(made)  # whoever is first: nobody ever reads half a key
        finally:
            made.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret_key()
