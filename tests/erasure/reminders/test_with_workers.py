"""A running desk reminds people: two supervisors, many cases, one mail a person, and what is escalated stands in it."""

import threading
from pathlib import Path

import pytest

from tests.desk import Desk, until
from tests.erasure.alerts.smtp import Smtp
from tests.erasure.worker.shop import FACTORIES

pytestmark = pytest.mark.slow

OPENED = """
    from datetime import timedelta
    from compliance import clock
    from erasure.models import Case
    vendor()
    for name, role in (("olive", "intake"), ("ada", "approver")):
        account = person(name, role)
        account.email = f"{name}@example.org"
        account.save()
    for number in range(20):
        opened_case(submit=True, identifiers=[("customer_id", f"C-{number}")])
    Case.objects.update(due_on=clock.today() + timedelta(days=2))
    result = None
"""
STANDING = """
    from erasure.models import Escalation, Reminder, ReminderMail
    result = {
        "told": Reminder.objects.count(),
        "under_way": ReminderMail.objects.exclude(claim=None).count(),
        "escalated": Escalation.objects.count(),
    }
"""


def test_two_supervisors_and_many_cases_make_one_mail_a_person(tmp_path: Path) -> None:
    with Smtp() as smtp:
        threading.Thread(target=smtp.serve_forever, args=(0.05,), daemon=True).start()
        host, port = smtp.server_address
        # One distance: if a day ends meanwhile, nobody comes to another one.
        environment = {"EMAIL_URL": f"smtp://{host}:{port}", "REMINDERS": "3"}
        with Desk(tmp_path, settings="tests.crash.settings", environment=environment) as desk:
            desk.run(OPENED, FACTORIES)
            for _host in range(2):
                desk.start("work")
            until(lambda: desk.run(STANDING) == {"told": 40, "under_way": 0, "escalated": 20}, 240)
            assert len(smtp.taken) == 2
            mails = {mail.partition("To: ")[2].partition("\n")[0].strip(): mail for mail in smtp.taken}
            assert "Reply to the person" in mails["olive@example.org"]
            assert "Due soon, and the plan still awaits approval" in mails["ada@example.org"]
        smtp.shutdown()
