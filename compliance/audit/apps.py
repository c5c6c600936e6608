from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import ProgrammingError, connections
from django.db.migrations import Migration
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "compliance.audit"
    label = "audit"
    verbose_name = _("Audit trail")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks

        pre_migrate.connect(_lift_for_rebuild, sender=self)
        post_migrate.connect(_keep_triggers, sender=self)
        post_migrate.connect(_make_signing_key, sender=self)
        checks.register()


def _lift_for_rebuild(using: str, plan: Sequence[tuple[Migration, bool]], **kwargs: Any) -> None:
    from . import triggers

    if any(migration.app_label == "audit" for migration, _backwards in plan):
        triggers.lift_for_rebuild(connections[using])


def _keep_triggers(using: str, **kwargs: Any) -> None:
    """Puts lost triggers back. On SQLite a migration that changes a table rebuilds it, and its triggers go with the old
    one."""
    from . import triggers

    if not triggers.missing(connections[using]):
        return
    try:
        triggers.install(connections[using])
    except ProgrammingError as error:
        raise CommandError(
            f"The trail's triggers are missing and this role may not make them ({str(error).partition(chr(10))[0]}). "
            "Run manage.py migrate as the owner of the tables."
        ) from None


def _make_signing_key(using: str, **kwargs: Any) -> None:
    from . import signing

    try:
        signing.ensure(using)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None  # one line, no traceback
