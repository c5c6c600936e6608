"""What every template may use."""

from datetime import datetime

from django import template
from django.conf import settings

from compliance import formats

register = template.Library()


@register.filter
def moment(at: datetime | None) -> str:
    """A time to the second, as the reader's language writes it; empty for none."""
    return formats.moment(at) if at else ""


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """The languages that the pages speak, each by its own name."""
    return list(settings.LANGUAGES)
