"""How the lines of `roles_table` are asked for, and what they are done to."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.urls import reverse
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from compliance import clock
from compliance.staff import tokens
from compliance.staff.models import SignInLock, User
from erasure import absences, bulk, imports, letters, lifecycle
from erasure.letters import texts
from erasure.models import (
    Absence,
    Alert,
    BulkJob,
    BulkRow,
    Call,
    Case,
    Import,
    Letter,
    LetterTemplate,
    SubTask,
    Vendor,
)
from erasure.states import BulkStatus, RowResult
from tests.compliance.staff.signing_in import with_device
from tests.erasure.imports.made import requests
from tests.erasure.taken import cdp, taken
from tests.factories import approved_case, opened_case, person, suppressed, work

from . import test_deeds
from .test_records import a_file

ROLES = ("intake", "approver", "auditor", "vendor manager", "administrator", "superuser")


@dataclass(frozen=True)
class Ask:
    """How a line is asked for. `data` is posted; None is a GET. `own`: role → the address of that role's own."""

    address: str
    data: dict[str, Any] | None = None
    own: dict[str, str] = field(default_factory=dict)


def somebody(role: str) -> User:
    """Whoever asks as that role."""
    superuser = role == "superuser"
    return person(f"somebody-{role.split()[0]}", *(() if superuser else (role,)), is_superuser=superuser)


def get(name: str, make: Callable[[], Any] | None = None, /, **asked: str) -> Callable[[], Ask]:
    """A page; of what `make` makes, if it is one of something."""

    def ask() -> Ask:
        query = "?" + "&".join(f"{name}={value}" for name, value in asked.items()) if asked else ""
        return Ask(reverse(f"admin:{name}", args=[quote(make().pk)] if make else []) + query)

    return ask


def post(name: str, make: Callable[[], Any] | None = None, query: str = "", /, **data: Any) -> Callable[[], Ask]:
    """A post; a value that can be called is given what `make` made."""

    def ask() -> Ask:
        about = make() if make else None
        values = {key: value(about) if callable(value) else value for key, value in data.items()}
        return Ask(reverse(f"admin:{name}", args=[about.pk] if about else []) + query, values)

    return ask


def many(action: str, make: Callable[[], Any], name: str = "erasure_case_changelist", **data: Any) -> Callable[[], Ask]:
    """An action for what is ticked in a list, confirmed."""

    def ask() -> Ask:
        about = make()
        values = {key: value(about) for key, value in data.items()}
        return Ask(reverse(f"admin:{name}"), {"action": action, "_selected_action": [about.pk]} | values)

    return ask


def deed(name: str) -> Callable[[], Ask]:
    """A deed as tests/erasure/admin/test_deeds.py does it."""

    def ask() -> Ask:
        about, given, *_rest = test_deeds.made(name)
        if isinstance(about, SubTask):
            return Ask(reverse("admin:erasure_case_work", args=[about.case_id, about.pk, name]), given)
        return Ask(reverse("admin:erasure_case_act", args=[about.pk, name]), given)

    return ask


def own(address: Callable[[User], str], **data: Any) -> Ask:
    """What each role has of its own; posted if there is `data`."""
    addresses = {role: address(somebody(role)) for role in ROLES}
    return Ask(addresses["superuser"], data or None, addresses)


def started(deed: str, make: Callable[[], Any], **data: Any) -> Callable[[], Ask]:
    """The start of bulk work, by whoever has prepared it: also a role that is refused once had the permission."""

    def ask() -> Ask:
        about = make()
        values = {key: value(about) if callable(value) else value for key, value in data.items()}
        case = getattr(about, "case", about)
        return own(lambda who: job_page(prepared(deed, case, who)), csrf="", **values)

    return ask


def own_import(deed: str = "", make: Callable[[User], Any] | None = None, /, page: str = "page") -> Callable[[], Ask]:
    """A page of one's own import; with a `deed`, its post."""
    make = make or imported
    name = "admin:erasure_case_import_" + ("act" if deed else page)
    also, data = ([deed], {"csrf": ""}) if deed else ([], {})
    return lambda: own(lambda who: reverse(name, args=[make(who).pk, *also]), **data)


def other_import(deed: str) -> Callable[[], Ask]:
    """The same of somebody else's."""

    def ask() -> Ask:
        pk = imported(person("olive", "intake")).pk
        if not deed:
            return Ask(reverse("admin:erasure_case_import_page", args=[pk]))
        return Ask(reverse("admin:erasure_case_import_act", args=[pk, deed]), {})

    return ask


def a_letter(kind: str, **given: str) -> dict[str, Any]:
    """What sends a letter from its page."""
    written = {"language": "en", "subject": "Hello", "body": "Hello {name}", "channel": "letter", "_send": "1"}
    return {"kind": kind, "number": lambda case: str(uuid.uuid4()), **written, **given}


def letter(verb: str) -> Callable[[], Ask]:
    """What is done with a letter of which it is not known whether it was sent."""

    def ask() -> Ask:
        case = opened_case(submit=True)
        sent = letters.send(case, "recipients", by=person("olive", "intake"), channel="letter").letter
        Letter.objects.filter(pk=sent.pk).update(mail="unknown")
        if verb == "download":
            return Ask(reverse("admin:erasure_case_letter_download", args=[case.pk, sent.pk]), {})
        return Ask(reverse("admin:erasure_case_letter_act", args=[case.pk, sent.pk, verb]), {})

    return ask


def letter_text(**data: str) -> Callable[[], Ask]:
    """The page of a text for letters; posted if there is `data`."""
    return lambda: Ask(reverse("admin:erasure_lettertemplate_change", args=["completion-en"]), data or None)


def mailable() -> Case:
    """A case of somebody who is written to by e-mail (`test_roles_table` makes the desk one that sends letters)."""
    return opened_case(submit=True, requester={"name": "Ada", "reply_to": "ada@example.org"})


def letter_row() -> LetterTemplate:
    texts.change("refusal", "en", subject="No", body="No", by=person("olive", "intake"))
    return LetterTemplate.objects.get()


# --- what it is done to -----------------------------------------------------------------------------------------------


def shop() -> Vendor:
    return Vendor.objects.get(name="Shop search")


def paused() -> Vendor:
    Vendor.objects.update(pause="failures", paused_at=clock.now())
    return shop()


def draft() -> Case:
    return opened_case()


def awaiting() -> Case:
    return opened_case(submit=True)


def ended() -> Case:
    case = awaiting()
    lifecycle.reject(case, by=person("ada", "approver"), ground="legal_claims")
    return case


def some_work() -> SubTask:
    return work(approved_case())


def evidence() -> Any:
    return a_file()


def call() -> Call:
    now = clock.now()
    return Call.objects.create(vendor=shop(), step="start_export", writes=True, started_at=now, lease_until=now)


def alert() -> Alert:
    return Alert.objects.create(cause="unsealed::", kind="unsealed", begun_at=clock.now())


def event() -> Any:
    opened_case()
    return apps.get_model("audit", "Event").objects.order_by("id").first()


def bob() -> User:
    return person("bob")


def token() -> Any:
    return tokens.issue("crm", ["cases:read"])[0]


def group() -> Group:
    return Group.objects.get(name="intake")


def queued(model: str) -> Callable[[], Any]:
    def make() -> Any:
        if model == "OrmQ":
            async_task("erasure.worker.lanes.run", "x")
            return OrmQ.objects.first()
        now = clock.now()
        Task.objects.create(id="a" * 32, name="a", func="f", started=now, stopped=now, success=model == "Success")
        return apps.get_model("django_q", model).objects.get()

    return make


def shared() -> Ask:
    cdp()
    first = taken("E-1")
    address = reverse("admin:erasure_subtask_reference", args=[first.vendor_id])
    return Ask(f"{address}?reference=E-1", {"note": "Completed."})


def reference() -> Ask:
    return Ask(shared().address)


def lock() -> SignInLock:
    now = clock.now()
    return SignInLock.objects.create(key=f"user:{bob().pk}", since=now, count=9, until=now + timedelta(hours=1))


def with_authenticator() -> User:
    with_device(user := bob())
    return user


# --- many at once


def prepared(deed: str, case: Case, who: User) -> BulkJob:
    job = bulk.prepare(deed, Case.objects.filter(pk=case.pk), by=who)
    assert job
    return job


def job_page(job: BulkJob) -> str:
    return reverse("admin:erasure_bulkjob_change", args=[job.pk])


def others_job() -> BulkJob:
    """Somebody else's, prepared and not started."""
    return prepared("hold", awaiting(), person("ada", "approver"))


def running() -> BulkJob:
    job = others_job()
    BulkJob.objects.filter(pk=job.pk).update(status=BulkStatus.RUNNING, started_at=clock.now())
    return job


def own_row_opened(who: User) -> Ask:
    """The start of an approval of one's own, as if the look before had not left it out."""
    case = opened_case(by=who, submit=True)
    job = prepared("approve", case, who)
    job.rows.update(result="", text="", digest=test_deeds.digest(case))
    return Ask(job_page(job), {"note": ""})


def a_row_is_done() -> bool:
    return BulkRow.objects.filter(result=RowResult.DONE).exists()


# --- imports


def csv_file() -> BytesIO:
    file = BytesIO(requests({"email": "eve@example.org"}))
    file.name = "requests.csv"
    return file


def emails_file() -> BytesIO:
    file = BytesIO(b"email\neve@example.org\n")
    file.name = "emails.csv"
    return file


def off_the_list() -> Ask:
    suppressed("email", "ada@example.org")
    data = {"kind": "email", "value": "ada@example.org", "reason": "came_back"}
    return Ask(reverse("admin:erasure_case_suppression_remove"), data)


def imported(who: User) -> Import:
    """A file with a row that is right and one that is wrong."""
    return imports.upload(requests({}, {"email": "no address"}), by=who, day_first=None)


def running_import(who: User) -> Import:
    kept = imported(who)
    imports.accept(kept, submits=False)
    return kept


# --- absences ---------------------------------------------------------------------------------------------------------


def absence() -> Absence:
    """Of bob, for whom ada stands in."""
    return absences.save(Absence(**_a_week(), person=bob(), deputy=person("ada", "approver")), by=bob())


def _a_week() -> dict[str, Any]:
    return {"from_on": clock.today(), "until_on": clock.today() + timedelta(days=7)}


def away(account: User | None = None) -> Ask:
    """Somebody is away, or whoever asks, and ada stands in."""
    deputy = person("ada", "approver").pk
    return Ask(
        reverse("admin:erasure_absence_add"), {**_a_week(), "person": account.pk if account else "", "deputy": deputy}
    )


def away_longer() -> Ask:
    found = absence()
    given = {"from_on": found.from_on, "until_on": found.until_on + timedelta(days=2), "deputy": found.deputy_id}
    return Ask(reverse("admin:erasure_absence_change", args=[found.pk]), given)
