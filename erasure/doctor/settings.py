"""What Django's system checks, with those for production, say of the settings."""

from collections.abc import Iterator

from django.core import checks
from django.utils.translation import gettext as _

from .finding import Finding, Level, ok

#: Of the database's own checks: what they say is told by `ground`. The API's is for those who change the API.
_ELSEWHERE = ("audit.W001", "drf_spectacular.")


def system_checks() -> Iterator[Finding]:
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=True)
        if not message.is_silenced() and not str(message.id).startswith(_ELSEWHERE)
    ]
    for message in found:
        level = Level.PROBLEM if message.level >= checks.ERROR else Level.WARNING
        yield Finding(level, f"{message.msg} ({message.id})", str(message.hint or ""))
    if not found:
        yield ok(_("As they should be on a real desk."))
