"""The same engine with Redis as broker and cache: one setting each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from erasure.sandbox import Apptus
from tests import services
from tests.desk import Desk, until

from .shop import ApptusShop

pytestmark = [pytest.mark.slow, pytest.mark.redis]


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an empty database; what the test leaves there goes."""
    with redis.Redis.from_url(services.REDIS_URL) as client:
        client.flushdb()
        yield services.REDIS_URL
        client.flushdb()


def test_a_case_is_carried_to_its_end(tmp_path: Path, server: str) -> None:
    environment = {"QUEUE_BROKER": server, "CACHE_URL": server}
    with (
        Apptus(archive_days=0).start() as apptus,
        Desk(tmp_path, settings="tests.crash.settings", environment=environment) as desk,
    ):
        shop = ApptusShop(desk, apptus)
        reference = shop.approved("C-1001")
        desk.start("work")
        until(lambda: shop.look(reference)["status"] == "completed")
        assert [entry.effect for entry in apptus.journal.entries() if entry.effect] == [
            "export_started",
            "export_fetched",
            "removal_started",
        ]
        assert desk.run("from django_q.models import OrmQ; result = OrmQ.objects.count()") == 0, "the broker is Redis"
