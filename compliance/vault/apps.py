from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class VaultConfig(AppConfig):
    name = "compliance.vault"
    label = "vault"
    verbose_name = _("Encryption at rest")

    def ready(self) -> None:
        from . import actions, checks

        _ = actions  # registers them with the trail
        checks.register()
        # Before, not after: a data migration may already have something to seal.
        pre_migrate.connect(_ensure_ring, sender=self)
        post_migrate.connect(_put_on_record, sender=self)


def _ensure_ring(*, using: str, **_kwargs: Any) -> None:
    from .keys import ensure_ring

    try:
        ensure_ring(using)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None  # one line, no traceback


def _put_on_record(*, apps: Apps = installed_apps, **_kwargs: Any) -> None:
    """After: when the ring was made, there may have been no trail."""
    from .on_record import put_on_record

    try:
        apps.get_model("audit", "PendingEvent")
    except LookupError:  # only some apps are migrated
        return
    try:
        put_on_record("system:migrate")
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
