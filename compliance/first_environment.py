"""`manage.py setup --write-environment FILE`: begins the file with the settings of a desk.

Of all that there is to do, this comes before the settings: they cannot be read without a SECRET_KEY. So it runs before
Django does, and knows nothing of it."""

import argparse
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

OPTION = "--write-environment"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")  # no scheme, no port, no path
_TEXT = """\
# The settings of Erasure Desk, for systemd and for deploy/erasure-desk. The README ("Environment") tells of each.
# One NAME='value' a line. A secret may also stand in a file of its own: NAME_FILE='/path/of/it'.
SECRET_KEY='{secret}'

DATA_DIR='{data}'
# The keys, apart from what they open, and from its backups.
KEY_RING='{keys}/ring.json'
AUDIT_SIGNING_KEY='{keys}/audit-signing.pem'
#DATABASE_URL='postgres://user:password@127.0.0.1:5432/name'

# How people reach the desk, and the proxy that speaks https with them.
ALLOWED_HOSTS='{hosts}'
{comment}CSRF_TRUSTED_ORIGINS='{origins}'
{comment}TRUSTED_PROXIES='127.0.0.1'
TIME_ZONE='UTC'

# Where vendor accounts may lead.
#VENDOR_HOSTS='api.shop.example,*.agilone.com'

# The mail server, and who is told of trouble.
#EMAIL_URL='smtp+tls://user:password@host:587'
#ALERTS_TO='desk@example.org'

# A place out of reach of whoever has the database, for checkpoints of the trail.
#AUDIT_ANCHOR='file:///mnt/elsewhere'
"""


def main(arguments: Sequence[str]) -> int:
    """Writes the file, mode 0600, and says what comes next; the exit code. A file that is there is left alone."""
    parser = argparse.ArgumentParser(prog="manage.py setup", description="Begins the file with a desk's settings.")
    parser.add_argument(OPTION, metavar="FILE", type=Path, required=True, dest="file")
    parser.add_argument("--host", action="append", default=[], help="a name by which people reach the desk over https")
    parser.add_argument("--data-dir", type=Path, default=Path("/var/lib/erasure-desk"))
    parser.add_argument("--keys-dir", type=Path, default=Path("/var/lib/erasure-desk-keys"))
    given = parser.parse_args(arguments)
    if quoted := [text for text in (*given.host, str(given.data_dir), str(given.keys_dir)) if not _is_plain(text)]:
        parser.error(f"a name or folder must be without quotes, backslashes and line breaks: {quoted[0]!r}")
    if wrong := [host for host in given.host if not _HOST.fullmatch(host)]:
        parser.error(f"--host takes a name alone, such as desk.example.org: {wrong[0]!r}")
    try:
        _write(given.file, _text(given.host, given.data_dir.absolute(), given.keys_dir.absolute()))
    except FileExistsError:
        sys.stderr.write(f"{given.file} is there already. Nothing was changed.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{given.file} cannot be written: {error.strerror}. Nothing was changed.\n")
        return 1
    sys.stdout.write(
        f"Wrote {given.file}, with a new SECRET_KEY: keep it secret, and the same on every host.\n"
        "Next: look through the file, then run manage.py setup with it as the environment.\n"
        "The folders must belong to the account that the desk runs as:\n"
        f"  install -d -m 0700 -o erasure-desk -g erasure-desk {given.data_dir} {given.keys_dir}\n"
    )
    return 0


def _is_plain(text: str) -> bool:
    return text.isprintable() and not set(text) & set("'\"\\$`")


def _text(hosts: Sequence[str], data: Path, keys: Path) -> str:
    return _TEXT.format(
        secret=secrets.token_urlsafe(50),
        data=data,
        keys=keys,
        # This machine too: for health checks and metrics past the proxy.
        hosts=",".join([*hosts, "127.0.0.1"]),
        origins=",".join(f"https://{host}" for host in hosts) or "https://desk.example.org",
        comment="" if hosts else "#",
    )


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
