"""Small questions of many panels, asked of the database at once."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from erasure.admin.counting import Counted


class CountedUpTo(Counted):
    """How many rows `found` has, counted to `most` and no farther."""

    def __init__(self, found: QuerySet[Any], most: int) -> None:
        super().__init__(found.order_by().values("pk")[:most])


def ask(user: Any, questions: dict[str, Any]) -> dict[str, Any]:
    """The answers under the names of their questions, which are expressions that hold a query of their own. One query:
    all are asked beside the row of the person who looks."""
    row = get_user_model()._default_manager.filter(pk=user.pk).values_list(*questions.values()).get()
    return dict(zip(questions, row, strict=True))
