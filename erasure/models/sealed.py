"""Rows that keep personal data sealed under a data key. Sealing and opening are explicit calls, never a magic field."""

import uuid
from typing import Any

from django.db import models

from compliance.vault import seal as vault
from compliance.vault.models import DataKey


class SealedModel(models.Model):
    """A row with a UUID made before the insert, so that each sealed field is bound to its table, row and field."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def _key(self) -> DataKey:
        """The data key that this row's sealed fields are under."""
        raise NotImplementedError

    def seal(self, field: str, plain: Any) -> None:
        """Seals `plain` (any JSON value) into `<field>_sealed`; None empties it. The row is not saved."""
        sealed = None if plain is None else vault.seal_json(self._key(), plain, **self._place(field))
        setattr(self, f"{field}_sealed", sealed)

    def unseal(self, field: str) -> Any:
        """What was sealed into `<field>_sealed`, or None. Raises `vault.Unreadable`."""
        sealed = getattr(self, f"{field}_sealed")
        return None if sealed is None else vault.unseal_json(self._key(), sealed, **self._place(field))

    def _place(self, field: str) -> dict[str, str]:
        return {"table": self._meta.db_table, "row": str(self.pk), "field": field}
