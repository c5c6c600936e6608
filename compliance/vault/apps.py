from typing import Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class VaultConfig(AppConfig):
    name = "compliance.vault"
    label = "vault"
    verbose_name = _("Encryption at rest")

    def ready(self) -> None:
        # Before, not after: a data migration may already have something to seal.
        pre_migrate.connect(_ensure_ring, sender=self)


def _ensure_ring(*, using: str, **_kwargs: Any) -> None:
    from .keys import ensure_ring

    try:
        ensure_ring(using)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None  # one line, no traceback
