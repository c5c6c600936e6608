"""A running desk tells of an account whose credentials are refused: two supervisors, many cases, one mail."""

import threading
from pathlib import Path

import pytest

from erasure.sandbox import Apptus
from tests.desk import Desk, until
from tests.erasure.worker.shop import FACTORIES, ApptusShop

from .smtp import Smtp

pytestmark = pytest.mark.slow

STANDING = """
    from compliance import clock
    from erasure.models import Alert, AlertMail
    mail = AlertMail.objects.first()
    result = {
        "alerts": list(Alert.objects.filter(told_at__isnull=False).values_list("kind", "code", "count")),
        "quiet": bool(mail) and mail.claim is None and (mail.next_at - clock.now()).total_seconds() > 600,
    }
"""


def test_two_supervisors_and_many_waiting_cases_make_one_mail(tmp_path: Path) -> None:
    with Smtp() as smtp, Apptus(archive_days=0).start() as apptus:
        threading.Thread(target=smtp.serve_forever, args=(0.05,), daemon=True).start()
        host, port = smtp.server_address
        environment = {"ALERTS_TO": "privacy@example.org", "EMAIL_URL": f"smtp://{host}:{port}"}
        with Desk(tmp_path, settings="tests.crash.settings", environment=environment) as desk:
            shop = ApptusShop(desk, apptus)
            wrong = (
                "from erasure import vendors; vendors.save({'name': 'apptus', 'credentials': {'password': 'wrong'}})"
            )
            desk.run(f"{wrong}; result = None", FACTORIES)
            shop.approved_at_once(*(f"C-{number}" for number in range(20)))
            for _host in range(2):
                desk.start("work")
            standing = until(lambda: (found := desk.run(STANDING))["quiet"] and found["alerts"] and found, 240)
            assert standing["alerts"] == [["paused", "credentials", 20]]
            (mail,) = smtp.taken  # and for a quarter of an hour there is no other
            assert "20 pieces of vendor work wait for it" in mail
            assert "refused the account's credentials" in " ".join(mail.split())
        smtp.shutdown()
