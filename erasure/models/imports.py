"""A file of requests that somebody uploads, and what became of each of its rows."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault import seal as vault
from compliance.vault.models import DataKey
from erasure.states import ImportStatus, RowOutcome

from .case import Case
from .sealed import SealedModel


class Import(SealedModel):
    """What was uploaded is sealed under a key of its own. When the import has ended, only the rows to be mended are
    kept, under another key; these go after KEPT too. `last_row`: rows up to this number are done."""

    KEPT = timedelta(days=1)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="imports")
    status = models.CharField(_("status"), max_length=20, choices=ImportStatus.choices, default=ImportStatus.CHECKED)
    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, editable=False)
    content_sealed = models.BinaryField(null=True, editable=False)
    sha256 = models.CharField(max_length=64)
    day_first = models.BooleanField(null=True)
    rows = models.PositiveIntegerField(_("rows"))
    submits = models.BooleanField(default=False)
    again = models.BooleanField(default=False)
    last_row = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(_("opened"), default=0)
    skipped = models.PositiveIntegerField(_("already there"), default=0)
    wrong = models.PositiveIntegerField(_("to be mended"), default=0)
    stopped = models.BooleanField(default=False)
    language = models.CharField(max_length=35, blank=True)
    created_at = models.DateTimeField(_("uploaded"))
    moved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("import")
        ordering = ("-created_at", "-id")
        default_permissions = ()
        permissions = [("oversee_import", "Can look at the imports of others")]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="import_of_owner"),
            models.Index(fields=["status", "moved_at"], name="import_status_moved"),
        ]

    def __str__(self) -> str:
        return f"import:{self.pk}"

    def _key(self) -> DataKey:
        return self.data_key

    @property
    def done(self) -> int:
        """How many rows are done."""
        return self.opened + self.skipped + self.wrong

    def keep(self, content: bytes) -> None:
        """Seals `content`. The row is not saved."""
        self.content_sealed = vault.seal(self.data_key, content, **self._place("content"))

    def content(self) -> bytes:
        """What is kept; empty when nothing is any more. Raises `vault.Unreadable`."""
        kept = self.content_sealed
        return b"" if kept is None else vault.unseal(self.data_key, kept, **self._place("content"))

    @classmethod
    def locked(cls) -> models.QuerySet["Import"]:
        rows = cls._default_manager.select_for_update(of=("self",), no_key=True)
        return rows.select_related("data_key", "owner").defer("content_sealed")


class ImportRow(models.Model):
    """What became of a row. `problems` are lists of a column's letter, its name and a sentence; none holds what stood
    there. `mark` is a keyed hash of an opened row and its owner: it is in the way of opening the same row twice."""

    source = models.ForeignKey(Import, on_delete=models.PROTECT, related_name="results")
    number = models.PositiveIntegerField(_("row"))
    outcome = models.CharField(max_length=20, choices=RowOutcome.choices)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="+")
    problems = models.JSONField(default=list)
    mark = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ("number",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["source", "number"], name="import_row_once"),
            models.UniqueConstraint(
                fields=["mark"], condition=~models.Q(mark=""), name="import_row_opened_once_an_account"
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.number} of import:{self.source_id}"
