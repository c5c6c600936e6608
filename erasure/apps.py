from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ErasureConfig(AppConfig):
    name = "erasure"
    verbose_name = _("Erasure Desk")

    def ready(self) -> None:
        from . import actions, checks, labels

        _ = actions, labels  # declare the trail's words, and what people read for them
        checks.register()
