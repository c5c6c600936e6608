"""What is wrong now, a row for each cause, and when people were last told."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from erasure.states import Trouble

from .vendor import Vendor


class Alert(models.Model):
    """One cause, however many cases it stops. `cause` names it: the kind of trouble, the account, the code. `told_at`:
    when a mail last told of it; `ended_at`: since when it is over, until a mail has told that too."""

    cause = models.CharField(max_length=120, unique=True)
    kind = models.CharField(_("trouble"), max_length=20, choices=Trouble.choices)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, null=True, related_name="alerts")
    code = models.CharField(_("code"), max_length=40, blank=True)
    count = models.PositiveIntegerField(_("how much work"), default=0)
    begun_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("over since"), null=True)
    told_at = models.DateTimeField(_("last mail"), null=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("begun_at", "cause")

    def __str__(self) -> str:
        return f"alert:{self.cause}"


class AlertMail(models.Model):
    """The one row under whose lock alerts are looked after, by whichever host is first. `next_at`: no mail goes before;
    `claim`: a mail is on its way; `tries`: how often in a row one could not be sent."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    next_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    tries = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return "alert mail"
