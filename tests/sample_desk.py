"""A desk with a case in every state, and the pages of it: for the tests that walk all pages, and for the pictures.

A new page is one line of `PAGES`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse

from compliance import clock
from compliance.audit import seal
from compliance.audit.models import Event
from compliance.staff import tokens
from compliance.staff.models import ServiceToken
from erasure import absences, evidence, forecast, lifecycle, reminders, vendors
from erasure.models import Absence, Alert, Call, CallSubTask, Case, Evidence, SubTask, Vendor
from erasure.states import Assurance, Attention, CaseStatus, Held, Outcome, Pause, SubTaskStatus, Trouble, Verdict
from erasure.worker import attention
from tests import sample_many
from tests.factories import approve, found, opened_case, person, vendor, work

NAMES = ("Ada Lovelace", "Mary Shelley", "George Sand", "Emily Noether", "Grace Hopper", "Hedy Lamarr", "Lise Meitner")


@dataclass
class Desk:
    """What there is, by its name."""

    cases: dict[str, Case] = field(default_factory=dict)
    vendors: dict[str, Vendor] = field(default_factory=dict)
    call: Call | None = None
    evidence: Evidence | None = None
    many: dict[str, Any] = field(default_factory=dict)


def fill() -> Desk:
    with transaction.atomic():
        desk = _filled()
    seal.seal(wait=True)
    return desk


def _filled() -> Desk:
    desk = Desk()
    person("ada", "approver")
    person("olive", "intake")
    person("root", is_superuser=True)
    for name, connector in (
        ("Shop search", "apptus"),
        ("CDP", "acquia"),
        ("Exchange", "acoustic"),
        ("Paper archive", "manual"),
        ("Forum", "acoustic"),
    ):
        desk.vendors[name] = vendor(name, connector)
    desk.cases |= {
        "draft": _opened(0),
        "awaiting": _opened(1, submit=True),
        "running": _running(2, desk),
        "attention": _attention(3),
        "done": _done(4),
        "proposal": _proposal(5),
        "no identifier": _approved(6, identifiers=[("email", "l.meitner@example.org")]),
        "held": _approved(0, kind="restriction"),
        "overdue": _approved(1, received_at=clock.now() - timedelta(days=60)),
        "rejected": _opened(2, submit=True),
        "cancelled": _opened(3),
    }
    ada = person("ada")
    lifecycle.hold(desk.cases["held"], by=ada, note="The person has to prove who they are.")
    lifecycle.reject(desk.cases["rejected"], by=ada, ground="identity_not_proven", note="No proof came.")
    lifecycle.cancel(desk.cases["cancelled"], by=ada, reason="mistaken", note="Opened twice.")
    for case in desk.cases.values():
        case.refresh_from_db()
    text = "The vendor could not be reached."
    forum, now = desk.vendors["Forum"], clock.now()
    vendors.pause(forum, Pause.FAILURES, text, now, trial_at=now + timedelta(hours=1))
    Alert.objects.create(
        cause=f"paused:{forum.pk}", kind=Trouble.PAUSED, vendor=forum, code=Pause.FAILURES, count=3, begun_at=now
    )
    tokens.issue("crm", ["cases:read", "cases:write"])
    olive, today = person("olive"), clock.today()
    away = Absence(person=olive, deputy=person("root"), from_on=today, until_on=today + timedelta(days=7))
    absences.save(away, by=olive)
    forecast.look_ahead()
    reminders.escalate()
    desk.many = sample_many.fill(desk.cases, desk.vendors)
    return desk


def _identifiers(number: int) -> list[tuple[str, str]]:
    name = NAMES[number].lower().replace(" ", ".")
    return [("email", f"{name}@example.org"), ("customer_id", f"C-10{number:02}")]


def _opened(number: int, **more: object) -> Case:
    given = {
        "identifiers": _identifiers(number),
        "requester": {"name": NAMES[number], "reply_to": f"reply{number}@example.org", "language": "en"},
        "country": "DE",
        "channel": "email",
    }
    return opened_case(**{**given, **more})


def _approved(number: int, **more: object) -> Case:
    case = _opened(number, submit=True, **more)
    approve(case)
    return case


def _running(number: int, desk: Desk) -> Case:
    """Apptus has exported and removes, the CDP waits until it acts, the archive waits for hands."""
    case = _approved(number)
    now = clock.now()
    shop = work(case)
    _set(shop, status=SubTaskStatus.WAITING, step="await_removal", sent_at=now, next_at=now + timedelta(hours=6))
    _set(work(case, "Exchange"), status=SubTaskStatus.WAITING, step="await_intake", next_at=now + timedelta(minutes=5))
    desk.call = Call.objects.create(
        vendor=shop.vendor,
        step="start_export",
        writes=True,
        started_at=now - timedelta(minutes=3),
        lease_until=now,
        finished_at=now - timedelta(minutes=2),
        verdict=Verdict.OK,
        transcript={"method": "POST", "address": "/job/create-export-customer-job?customerKey=…", "status": 200},
    )
    CallSubTask.objects.create(call=desk.call, sub_task=shop, epoch=1)
    sink = evidence.Sink(case)
    sink.write(b"what the vendor held")
    sink.finish()
    desk.evidence = Evidence.objects.create(
        id=sink.evidence_id,
        data_key=sink.key,
        case=case,
        sub_task=shop,
        kind="export",
        name="apptus-export-1.zip",
        size=20,
        sha256="0" * 64,
        created_at=now,
    )
    lifecycle.add_note(case, by=person("olive"), text="Called back on Monday.")
    return case


def _attention(number: int) -> Case:
    case = _approved(number)
    sub_task = work(case)
    sub_task.status = SubTaskStatus.READY
    text = (
        "shop.example understood the call and refused it (HTTP 422). Nothing was done there. Check the identifiers and "
        "the account's options, then try again or finish the work at the vendor by hand."
    )
    attention.ask(sub_task, Attention.REFUSED, text, "start_export")
    return case


def _done(number: int) -> Case:
    case = _approved(number)
    lifecycle.reply(case, by=person("olive"), channel="email", note="Told them that it is done.")
    now = clock.now()
    for sub_task in case.sub_tasks.all():
        sub_task.identifiers.update(outcome=Outcome.ERASED, held=Held.YES, assurance=Assurance.CONFIRMED)
        _set(sub_task, status=SubTaskStatus.DONE, assurance=Assurance.CONFIRMED, ended_at=now, next_at=None)
    Case.objects.filter(pk=case.pk).update(status=CaseStatus.COMPLETED, closed_at=now)
    return case


def _proposal(number: int) -> Case:
    case = _approved(number)
    found(case, ("visitor_id", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"), by="Exchange")
    return case


def _set(sub_task: SubTask, **fields: object) -> None:
    SubTask.objects.filter(pk=sub_task.pk).update(**fields)


# --- its pages --------------------------------------------------------------------------------------------------------


def _list(model: str, query: str = "") -> Callable[[Desk], str]:
    return lambda desk: reverse(f"admin:{model}_changelist") + query


def _case(name: str, page: str = "change") -> Callable[[Desk], str]:
    return lambda desk: reverse(f"admin:erasure_case_{page}", args=[desk.cases[name].pk])


def _vendor(name: str) -> Callable[[Desk], str]:
    return lambda desk: reverse("admin:erasure_vendor_change", args=[desk.vendors[name].pk])


def _many(name: str, page: str) -> Callable[[Desk], str]:
    return lambda desk: reverse(f"admin:{page}", args=[desk.many[name].pk])


def _one(name: str, *args: object) -> Callable[[Desk], str]:
    return lambda desk: reverse(f"admin:{name}", args=args)


#: Name → its address. The names are those of the pictures too.
PAGES: dict[str, Callable[[Desk], str]] = {
    "home": _one("index"),
    "cases": _list("erasure_case"),
    "cases-none": _list("erasure_case", "?status__exact=completed&q=2020"),
    "case-draft": _case("draft"),
    "case-awaiting": _case("awaiting"),
    "case-running": _case("running"),
    "case-attention": _case("attention"),
    "case-done": _case("done"),
    "case-proposal": _case("proposal"),
    "case-no-identifier": _case("no identifier"),
    "case-held": _case("held"),
    "case-overdue": _case("overdue"),
    "case-rejected": _case("rejected"),
    "case-cancelled": _case("cancelled"),
    "case-open": _one("erasure_case_add"),
    "case-edit": _case("draft", "edit"),
    "case-find": _one("erasure_case_find"),
    "letter": _case("running", "letter"),
    "letter-texts": _list("erasure_lettertemplate"),
    "letter-text": lambda desk: reverse("admin:erasure_lettertemplate_change", args=["completion-en"]),
    "register": _one("erasure_case_register"),
    "suppression": _one("erasure_case_suppression"),
    "import-upload": _one("erasure_case_import"),
    "import-columns": _one("erasure_case_import_columns"),
    "import-preview": _many("import-checked", "erasure_case_import_page"),
    "import-running": _many("import-running", "erasure_case_import_page"),
    "import-result": _many("import-ended", "erasure_case_import_page"),
    "bulk": _list("erasure_bulkjob"),
    "bulk-prepared": _many("bulk-prepared", "erasure_bulkjob_change"),
    "bulk-export": _many("bulk-export", "erasure_bulkjob_change"),
    "bulk-running": _many("bulk-running", "erasure_bulkjob_change"),
    "bulk-done": _many("bulk-ended", "erasure_bulkjob_change"),
    "vendors": _list("erasure_vendor"),
    "vendor": _vendor("Shop search"),
    "vendor-paused": _vendor("Forum"),
    "vendor-add": _one("erasure_vendor_add"),
    "vendor-add-apptus": lambda desk: reverse("admin:erasure_vendor_add") + "?connector=apptus",
    "vendor-add-acoustic": lambda desk: reverse("admin:erasure_vendor_add") + "?connector=acoustic",
    "vendor-by-hand": _vendor("Paper archive"),
    "vendor-work": _list("erasure_subtask"),
    "vendor-work-one": lambda desk: reverse("admin:erasure_subtask_change", args=[work(desk.cases["attention"]).pk]),
    "references": _one("erasure_subtask_references"),
    "reference": lambda desk: (
        reverse("admin:erasure_subtask_reference", args=[desk.vendors["CDP"].pk])
        + f"?reference={sample_many.REFERENCE}"
    ),
    "calls": _list("erasure_call"),
    "call": lambda desk: reverse("admin:erasure_call_change", args=[desk.call.pk]),
    "evidence": _list("erasure_evidence"),
    "evidence-one": lambda desk: reverse("admin:erasure_evidence_change", args=[desk.evidence.pk]),
    "absences": _list("erasure_absence"),
    "absence": lambda desk: reverse("admin:erasure_absence_change", args=[Absence.objects.latest("pk").pk]),
    "absence-add": _one("erasure_absence_add"),
    "absence-take-back": lambda desk: reverse("admin:erasure_absence_delete", args=[Absence.objects.latest("pk").pk]),
    "alerts": _list("erasure_alert"),
    "alert": lambda desk: reverse("admin:erasure_alert_change", args=[Alert.objects.latest("pk").pk]),
    "trail": _list("audit_event"),
    "trail-event": lambda desk: reverse("admin:audit_event_change", args=[Event.objects.latest("pk").pk]),
    "trail-export": _one("audit_event_export"),
    "people": _list("staff_user"),
    "person": lambda desk: reverse("admin:staff_user_change", args=[person("olive").pk]),
    "person-add": _one("staff_user_add"),
    "person-password": lambda desk: reverse("admin:auth_user_password_change", args=[person("olive").pk]),
    "roles": _list("auth_group"),
    "role": lambda desk: reverse("admin:auth_group_change", args=[Group.objects.get(name="approver").pk]),
    "tokens": _list("staff_servicetoken"),
    "token": lambda desk: reverse("admin:staff_servicetoken_change", args=[ServiceToken.objects.latest("pk").pk]),
    "locks": _list("staff_signinlock"),
    "queue": _list("django_q_ormq"),
    "queue-one": _many("queued", "django_q_ormq_change"),
    "queue-failed": _list("django_q_failure"),
    "queue-failed-one": _many("failed", "django_q_failure_change"),
    "queue-succeeded": _list("django_q_success"),
    "queue-succeeded-one": _many("succeeded", "django_q_success_change"),
    "pages": lambda desk: reverse("admin:app_list", args=["erasure"]),
    "password": _one("password_change"),
    "password-done": _one("password_change_done"),
    "nothing-there": lambda desk: "/admin/nothing-there/",
}


def addresses(desk: Desk) -> dict[str, str]:
    return {name: address(desk) for name, address in PAGES.items()}
