"""One deed on many cases: who asked for it, what they were shown, and what came of it, row by row."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.states import BulkDeed, BulkStatus, RowResult

from .case import Case
from .sealed import SealedModel


class BulkJob(SealedModel):
    """`deed` names what is done (`erasure.bulk.DEEDS`). `summary` is what the person was shown before they said yes:
    rows of plain words and numbers. `given` is what they typed, sealed, and destroyed at the end: what has to stay of
    it stays in each case. `language`: theirs, for the results that a worker writes. `capped`: more cases matched than
    one takes."""

    deed = models.CharField(_("what is done"), max_length=40, choices=BulkDeed.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulk_jobs", verbose_name=_("asked for by")
    )
    status = models.CharField(
        _("status"), max_length=20, choices=BulkStatus.choices, default=BulkStatus.PREPARED, db_index=True
    )
    summary = models.JSONField(default=list)
    capped = models.BooleanField(default=False)
    language = models.CharField(max_length=20, blank=True)
    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, null=True, editable=False)
    given_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("prepared"))
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("bulk work")
        verbose_name_plural = _("bulk work")
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"bulk:{self.pk}"

    def _key(self) -> DataKey:
        if self.data_key is None:
            raise ValueError("nothing is sealed in this one")
        return self.data_key

    @property
    def is_prepared(self) -> bool:
        return self.status == BulkStatus.PREPARED

    @property
    def is_running(self) -> bool:
        return self.status == BulkStatus.RUNNING

    def counts(self) -> dict[str, int]:
        """Result → how many rows have it; those to be done have an empty one."""
        found = self.rows.order_by().values_list("result").annotate(number=models.Count("pk"))
        return dict.fromkeys(("", *RowResult.values), 0) | dict(found)


class BulkRow(SealedModel):
    """One case of it. `digest`: of the plan version or vendor work that was shown, where the deed is bound to it.
    `result` and `text` are written in the transaction that does it, so that nothing is done twice; a row that is to be
    left out has its result from the beginning. `given`: what a deed needs for this row alone, sealed under the job's
    key; a deed that opens cases has a row before it has a case."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="bulk_rows")
    digest = models.CharField(max_length=64, blank=True)
    given_sealed = models.BinaryField(null=True, editable=False)
    result = models.CharField(_("result"), max_length=10, choices=RowResult.choices, blank=True)
    text = models.CharField(_("why"), max_length=600, blank=True)
    at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("number",)
        indexes = [models.Index(fields=["job", "result", "number"], name="bulkrow_next")]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="bulkrow_number_once")]

    def __str__(self) -> str:
        return f"row {self.number} of {self.job}"

    def _key(self) -> Any:
        return self.job._key()
