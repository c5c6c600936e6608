"""Who is away, and who stands in."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Absence(models.Model):
    """From one day to another, both included, in the desk's zone. It gives the deputy no right: they are told of what
    the person would have been told of, and do what they may themselves."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="absences", verbose_name=_("who is away")
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputising", verbose_name=_("deputy")
    )
    from_on = models.DateField(_("first day"))
    until_on = models.DateField(_("last day"))

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ("-from_on", "-id")
        default_permissions = ("view",)
        permissions = [("manage_absence", "Can record the absence of others")]
        indexes = [models.Index(fields=["until_on", "from_on"], name="absence_days")]
        constraints = [
            models.CheckConstraint(condition=models.Q(until_on__gte=models.F("from_on")), name="absence_days_in_order"),
            models.CheckConstraint(condition=~models.Q(person=models.F("deputy")), name="absence_deputy_is_another"),
        ]

    def __str__(self) -> str:
        return f"absence:{self.pk}"
