"""Letters to the person, and the texts that they are made of."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import Channel, LetterKind, MailState

from .case import Case
from .evidence import Evidence
from .sealed import SealedModel

LANGUAGES = [("en", _("English")), ("de", _("German"))]


class LetterTemplate(models.Model):
    """The text of one kind of letter, where it is not the one that the desk came with."""

    kind = models.CharField(_("letter"), max_length=30, choices=LetterKind.choices)
    language = models.CharField(_("language"), max_length=10, choices=LANGUAGES)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    changed_at = models.DateTimeField(_("changed"))
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("text for letters")
        verbose_name_plural = _("texts for letters")
        ordering = ("kind", "language")
        default_permissions = ("view", "change")
        constraints = [models.UniqueConstraint(fields=["kind", "language"], name="lettertemplate_once")]

    def __str__(self) -> str:
        return f"letter_text:{self.kind}-{self.language}"


class Letter(SealedModel):
    """A letter as it was sent; its text is a PDF among the evidence of the case. `tries` is raised by every attempt to
    send its e-mail: a result counts only for the attempt it is of. `queued_at`: since when it is tried; `next_at`: when
    it is tried next or, being sent, from when on nothing more is heard of the attempt; `code`: why it was not sent.
    What is mailed is sealed here until the mail server has it."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="letters")
    kind = models.CharField(_("letter"), max_length=30, choices=LetterKind.choices)
    language = models.CharField(_("language"), max_length=10, choices=LANGUAGES)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("written"))
    evidence = models.OneToOneField(Evidence, on_delete=models.PROTECT, related_name="letter")
    mail = models.CharField(_("e-mail"), max_length=10, choices=MailState.choices, default=MailState.NONE)
    mail_sealed = models.BinaryField(null=True, editable=False)
    queued_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=40, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        ordering = ("at", "id")
        default_permissions = ()
        indexes = [
            models.Index(fields=["next_at"], condition=Q(mail__in=["queued", "sending"]), name="letter_to_be_mailed"),
            models.Index(fields=["at"], condition=Q(mail__in=["unknown", "failed"]), name="letter_not_mailed"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(mail__in=["queued", "sending"]) | Q(next_at__isnull=False), name="letter_waits_for_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"letter:{self.pk}"

    def _key(self) -> DataKey:
        return self.case.data_key
