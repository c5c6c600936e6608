"""After a breach: 800 cases approved by one person in a browser, carried out by real workers that are killed in the
middle of it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import services
from tests.desk import PATIENCE, ROOT, Desk, until
from tests.erasure.worker.shop import FACTORIES, verify_trail
from tests.ports import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OTHERS = 798  # opened by olive; of the 800 one more is ada's own, and one is a draft


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, environment={"ALLOWED_HOSTS": "127.0.0.1"}) as desk:
        code = """
            from django.db import transaction
            vendor("Paper archive", "manual")
            shop = vendor("Shop search")
            shop.pause = "by_hand"  # nothing is sent: this is about the approvals
            shop.save()
            olive, ada = person("olive", "intake"), person("ada", "approver", "intake")
            both = lambda n: [("email", f"a{n}@example.org"), ("customer_id", f"C-{n}")]
            with transaction.atomic():
                for number in range(others):
                    opened_case(by=olive, submit=True, identifiers=both(number))
                opened_case(by=ada, submit=True, identifiers=both("ada"))
                opened_case(by=olive, identifiers=both("draft"))
        """
        desk.run(code, FACTORIES, others=OTHERS)
        yield desk


@pytest.fixture
def ada(desk: Desk) -> Iterator[Page]:
    """Signed in, in a browser, at a web server of the desk's own."""
    port = free_ports()
    command = [sys.executable, "-m", "gunicorn", "compliance.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with desk.log.open("ab") as log:
        web = subprocess.Popen(command, cwd=ROOT, env=desk.environment, stdout=log, stderr=log)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=services.CHROMIUM, args=services.CHROMIUM_FLAGS)
            page = browser.new_context(base_url=f"http://127.0.0.1:{port}").new_page()
            page.set_default_timeout(120_000)
            expect.set_options(timeout=120_000)  # else five seconds, unless another test has said so before
            until(lambda: answers(port))
            page.goto("/admin/login/?next=/admin/erasure/case/")
            page.get_by_label("Username").fill("ada")
            page.get_by_label("Password").fill("password")
            page.get_by_role("button", name="Log in").click()
            yield page
            browser.close()
    finally:
        web.terminate()
        web.wait(PATIENCE)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def look(desk: Desk) -> dict[str, Any]:
    """What the database says: rows by result, and what each approval has left behind."""
    code = """
        from collections import Counter
        from compliance.audit.models import Event
        from erasure.models import BulkJob, Case
        job = BulkJob.objects.get()
        approvals = Counter(Event.objects.filter(action="case.approved").values_list("case", flat=True))
        result = {
            "status": job.status, "rows": job.counts(),
            "approved": len(approvals), "twice": [case for case, times in approvals.items() if times > 1],
            "in_progress": Case.objects.filter(status="in_progress").count(),
            "rows_agree": set(approvals) == set(
                job.rows.filter(result="done").values_list("case__reference", flat=True)
            ),
            "told": [event.action for event in Event.objects.filter(subject=str(job)).order_by("id")],
        }
    """
    return dict(desk.run(code))


def test_800_are_approved_in_a_few_clicks_by_workers_that_are_killed_in_the_middle(desk: Desk, ada: Page) -> None:
    work = desk.start("work")
    ada.get_by_label("Action:").select_option("approve_cases")
    ada.get_by_label("For:").select_option("all")
    ada.get_by_role("button", name="Go", exact=True).click()
    expect(ada.get_by_text(f"Shop search: erase for {OTHERS} cases, {OTHERS} identifiers")).to_be_visible()
    expect(ada.get_by_text(f"Paper archive: erase by hand for {OTHERS} cases.")).to_be_visible()
    ada.get_by_label("Note").fill("The breach of May.")
    ada.get_by_role("button", name=f"Approve {OTHERS} cases").click()

    until(lambda: decided(ada) > 20, 600)  # the page follows by itself
    work.kill()
    for pid in desk.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not desk.workers())
    halfway = look(desk)
    assert halfway["status"] == "running"
    assert 0 < halfway["rows"]["done"] < OTHERS
    assert halfway["rows"]["done"] == halfway["approved"] == halfway["in_progress"]
    assert halfway["rows_agree"]

    desk.start("work")
    expect(ada.locator("h1")).to_contain_text("ended", timeout=900_000)
    after = look(desk)
    assert after["status"] == "ended"
    assert after["rows"] == {"": 0, "done": OTHERS, "skipped": 2, "failed": 0}
    assert after["approved"] == after["in_progress"] == OTHERS
    assert after["twice"] == []
    assert after["rows_agree"]
    assert after["told"] == ["bulk.started", "bulk.ended"]
    ada.get_by_role("link", name="skipped (2)").click()
    expect(ada.get_by_text("You opened this case; another person must approve it.").first).to_be_visible()
    verify_trail(desk)


def decided(page: Page) -> int:
    found = re.match(r"\d+", page.locator("#told").inner_text())
    assert found
    return int(found[0])
