"""Lets a transactional test empty the database, which the trail's triggers rightly refuse, and every test begin with an
empty trail."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

from compliance.audit import triggers


def forget_the_mark() -> None:
    """The trail begins anew: what was sealed in another one must not speak against it. Nobody asks the database while
    nothing has changed, so that the queries of a page are the same however long a test takes."""
    from compliance.audit import behind, highwater

    highwater.path().unlink(missing_ok=True)
    behind.LOOK_SECONDS = 3600
    behind._last.gap, behind._last.seen, behind._last.at = None, behind._seen(), time.monotonic()


@pytest.fixture(autouse=True)
def begin_with_no_mark() -> None:
    forget_the_mark()


@pytest.fixture(scope="session", autouse=True)
def trail_can_be_emptied() -> Iterator[None]:
    """Import this into a conftest: it lifts the triggers for the flush at the end of each transactional test."""
    flush = TransactionTestCase._fixture_teardown

    def lift_and_flush(case: TransactionTestCase) -> None:
        triggers.remove(connection)
        try:
            flush(case)
        finally:
            empty()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lift_and_flush)
        yield


def empty() -> None:
    """Removes what setting up roles and keys has told the trail, after a migration and after each flush: that is no
    test's to count."""
    triggers.remove(connection)
    with connection.cursor() as cursor:
        for table in ("audit_pendingevent", "audit_event"):
            cursor.execute(f"DELETE FROM {table}")
    triggers.install(connection)


@pytest.fixture(scope="session", autouse=True)
def empty_trail(django_db_setup: None, django_db_blocker: Any) -> None:
    """Import this into a conftest: the trail of a fresh database is empty."""
    with django_db_blocker.unblock():
        if "audit_event" in connection.introspection.table_names():  # a run without a test of the database has none
            empty()
