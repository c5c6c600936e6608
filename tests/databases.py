"""Another database than the run's own as the desk's, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from compliance.environment import database_url
from compliance.moving import target


@contextmanager
def database_at(address: str, alias: str = "elsewhere") -> Iterator[None]:
    """The desk's database is the one there while the block runs."""
    with target.reached(database_url(address), alias), target.as_default(alias):
        yield
