"""Counting inside another query."""

from django.db.models import IntegerField, Subquery


class Counted(Subquery):
    """How many rows a query has, as a column. Slice the query, and it is counted so far and no farther."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()
