from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "compliance.audit"
    label = "audit"
    verbose_name = _("Audit trail")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_keep_triggers, sender=self)
        checks.register(_check_triggers, checks.Tags.database)


def _keep_triggers(using: str, **kwargs: Any) -> None:
    """Puts lost triggers back. On SQLite a migration that changes a table rebuilds it, and its triggers go with the old
    one."""
    from . import triggers

    if triggers.missing(connections[using]):
        triggers.install(connections[using])


def _check_triggers(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """A warning, not an error, because it also runs before `migrate`, which is the cure."""
    from . import triggers

    return [
        checks.Warning(
            f"The trail in database '{alias}' is not protected against changes: {', '.join(missing)} missing.",
            hint="Run manage.py migrate, which puts it back, and find out who or what removed it.",
            id="audit.W001",
        )
        for alias in databases or []
        if (missing := triggers.missing(connections[alias]))
    ]
