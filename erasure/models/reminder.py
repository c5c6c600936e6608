"""Who was reminded of which case, how far, and the mail that does it."""

from django.conf import settings
from django.db import models

from erasure.states import Notice

from .case import Case


class Reminder(models.Model):
    """That somebody was told of a case at a distance from its date: `stage`, in days. One row a person, case and kind,
    which the next distance moves on; it goes once there is nothing left to tell."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=20, choices=Notice.choices)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    stage = models.PositiveIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["case", "kind", "person"], name="reminder_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"reminder:{self.pk}"


class ReminderMail(models.Model):
    """The row under whose lock one person's mail of a day is sent, by whichever host is first. `sent_on`: the day of
    the last one; `next_at`: none goes before; `claim`: one is on its way; `tries`: how often in a row one could not be
    sent."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_on = models.DateField(null=True)
    next_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"reminder mail:{self.pk}"
