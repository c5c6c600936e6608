"""Who may do what in the admin: every action by every role, in one table.

`test_roles_table.py` walks it: each line is asked for as each role, by a forged post where it is a post, and what is
refused must leave nothing behind. It also fails when an address, a deed or an action for many has no line here.

A new page or deed is one line: its key, what it is in words, who may (`IAUVMS`, a dot for each that may not: intake,
approver, auditor, vendor manager, administrator, superuser), and how it is asked for. The key is the address's name,
with `:` and the deed's or action's name after it, or `:post` or another word where one address has several lines. How a
line can be asked for, and what it is done to, stands in `roles_asked`.

docs/roles.md shows the table. After a change here:

    manage.py shell -c "from tests.erasure.admin.roles_table import write; write()"
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.urls import reverse
from django.utils.timezone import localtime

from compliance.staff.models import User
from erasure.admin.deeds import CASE_DEEDS, WORK_DEEDS
from erasure.models import Case
from tests.factories import opened_case

from . import test_deeds
from .roles_asked import (
    ROLES,
    Ask,
    a_letter,
    a_row_is_done,
    absence,
    alert,
    awaiting,
    away,
    away_longer,
    bob,
    call,
    csv_file,
    deed,
    draft,
    emails_file,
    ended,
    event,
    evidence,
    get,
    group,
    letter,
    letter_row,
    letter_text,
    lock,
    mailable,
    many,
    off_the_list,
    other_import,
    others_job,
    own_import,
    own_row_opened,
    paused,
    post,
    queued,
    reference,
    running,
    running_import,
    shared,
    shop,
    some_work,
    started,
    token,
    with_authenticator,
)
from .test_opening import filled as opening
from .test_vendor import filled as account

LETTERS = "IAUVMS"
NOBODY = "......"
PAGE = Path(__file__).parents[3] / "docs" / "roles.md"
PASSWORD = "another horse battery"
JOB = ("erasure_bulkjob", "erasure_bulkrow")


@dataclass(frozen=True)
class Row:
    """`refused`: the statuses of a refusal (302: the page says why, and nothing is done). `given`: the statuses of what
    is allowed. `leaves`: what a post that is allowed has left one more of, an event as a rule. `only`: the tables that
    it may change, where those are few. `after`: what is true of it afterwards, and was not before."""

    key: str
    what: str
    who: str
    ask: Callable[[], Ask] = field(repr=False)
    refused: tuple[int, ...] = (403,)
    given: tuple[int, ...] = (200, 302)
    leaves: str = "audit_event"
    only: tuple[str, ...] = ()
    after: Callable[[], bool] | None = None

    @property
    def address(self) -> str:
        return self.key.partition(":")[0]

    def may(self, role: str) -> bool:
        return self.who[ROLES.index(role)] != "."


# --- the table --------------------------------------------------------------------------------------------------------

READ = "IAU.MS"  # who reads cases
_NOT_TICKED = (200, 302, 403)  # Django offers no such action, says that none was chosen and shows the list


def _prepare(name: str, what: str, who: str, make: Callable[[], Any]) -> Row:
    """From the list: what would be done is kept for whoever asks, and nothing of a case is changed."""

    def ask() -> Ask:
        about = make()
        chosen = {"action": f"{name}_cases", "_selected_action": [getattr(about, "case", about).pk]}
        return Ask(reverse("admin:erasure_case_changelist"), chosen)

    key = f"erasure_case_changelist:{name}_cases"
    return Row(key, f"Prepare: {what}", who, ask, _NOT_TICKED, (302,), leaves="erasure_bulkjob", only=JOB)


def _first(case: Case) -> Any:
    return case.identifiers.first().pk


def _vendor(work: Any) -> Any:
    return work.vendor_id


ROWS: tuple[Row, ...] = (
    Row("index", "See the overview", "IAUVMS", get("index")),
    Row("app_list", "See the desk's part of it", "IAUVMS", lambda: Ask(reverse("admin:app_list", args=["erasure"]))),
    Row("password_change", "Change one's own password", "IAUVMS", get("password_change")),
    Row("password_change_done", "Read that it was changed", "IAUVMS", get("password_change_done")),
    # Cases
    Row("erasure_case_changelist", "See the list of cases and its queues", READ, get("erasure_case_changelist")),
    Row("erasure_case_change", "See a case", READ, get("erasure_case_change", draft)),
    Row("erasure_case_live", "Follow a case while it is open", READ, get("erasure_case_live", draft)),
    Row("erasure_case_find", "Find a person", READ, get("erasure_case_find")),
    Row(
        "erasure_case_find:post",
        "Find a person: ask",
        READ,
        post("erasure_case_find", kind="email", value="ada@example.org"),
        leaves="",
    ),
    Row("erasure_case_add", "Open a case: the form", "I...MS", get("erasure_case_add")),
    Row(
        "erasure_case_add:post",
        "Open a case",
        "I...MS",
        lambda: Ask(reverse("admin:erasure_case_add"), opening(("email", "eve@example.org"))),
    ),
    Row("erasure_case_edit", "Change a draft: the form", "I...MS", get("erasure_case_edit", draft)),
    Row(
        "erasure_case_edit:post",
        "Change a draft",
        "I...MS",
        post(
            "erasure_case_edit",
            draft,
            kind="erasure",
            regime="ccpa",
            ground="subject_request",
            channel="email",
            received_at=lambda case: localtime(case.received_at).strftime("%Y-%m-%dT%H:%M"),
            vendors="shop-search",
        ),
    ),
    Row(
        "erasure_case_reveal",
        "Reveal an identifier",
        "IA..MS",
        post("erasure_case_reveal", draft, reason="She called.", identifier=_first),
    ),
    Row("erasure_case_pack", "Download a case's regulator pack", "..U.MS", post("erasure_case_pack", awaiting)),
    Row("erasure_case_register", "The register: the form", "..U.MS", get("erasure_case_register")),
    Row("erasure_case_register:post", "Download the register", "..U.MS", post("erasure_case_register", format="csv")),
    Row("erasure_case_suppression", "The suppression list: the forms", "IA..MS", get("erasure_case_suppression")),
    Row(
        "erasure_case_suppression:post",
        "Check whether somebody is on the suppression list",
        "IA..MS",
        post("erasure_case_suppression", kind="email", value="ada@example.org"),
    ),
    Row(
        "erasure_case_suppression_file",
        "Check a file against the suppression list",
        "IA..MS",
        lambda: Ask(reverse("admin:erasure_case_suppression_file"), {"file": emails_file(), "kind": "email"}),
    ),
    Row(
        "erasure_case_suppression_remove",
        "Take somebody off the suppression list",
        ".A..MS",
        off_the_list,
    ),
    # Deeds of a case
    Row("erasure_case_act:submit", "Submit a case for approval", "I...MS", deed("submit")),
    Row("erasure_case_act:approve", "Approve a plan of somebody else's", ".A..MS", deed("approve")),
    Row("erasure_case_act:reject", "Reject a plan", ".A..MS", deed("reject")),
    Row("erasure_case_act:cancel", "Cancel a case", "IA..MS", deed("cancel")),
    Row("erasure_case_act:hold", "Put a case on hold", ".A..MS", deed("hold")),
    Row("erasure_case_act:release", "Release a case from hold", ".A..MS", deed("release")),
    Row("erasure_case_act:note", "Add a note", "IA..MS", deed("note")),
    Row("erasure_case_act:assign", "Change the handler", "I...MS", deed("assign")),
    Row("erasure_case_act:add_identifier", "Add an identifier", "I...MS", deed("add_identifier")),
    Row("erasure_case_act:remove_identifier", "Remove an identifier", "I...MS", deed("remove_identifier")),
    Row("erasure_case_act:proposals", "Decide about suggestions", "I...MS", deed("proposals")),
    Row("erasure_case_act:identity", "Record an identity check", "I...MS", deed("identity")),
    Row("erasure_case_act:told_of_lifting", "Record the notice of a lifting", "I...MS", deed("told_of_lifting")),
    Row("erasure_case_act:acknowledge", "Record the confirmation of receipt", "I...MS", deed("acknowledge")),
    Row("erasure_case_act:ask", "Record a question to the person", "I...MS", deed("ask")),
    Row("erasure_case_act:answered", "Record the person's answer", "I...MS", deed("answered")),
    Row("erasure_case_act:extend", "Record an extension", "I...MS", deed("extend")),
    Row("erasure_case_act:reply", "Record the reply", "I...MS", deed("reply")),
    # Letters to the person
    Row("erasure_case_letter", "Write a letter: the choice", "IA..MS", get("erasure_case_letter", awaiting)),
    Row(
        "erasure_case_letter:post",
        "Send a letter that is no refusal",
        "I...MS",
        post("erasure_case_letter", awaiting, **a_letter("extension", reason="number")),
        leaves="erasure_letter",
    ),
    Row(
        "erasure_case_letter:refusal",
        "Send a refusal",
        ".A..MS",
        post("erasure_case_letter", awaiting, **a_letter("refusal", ground="unfounded")),
        leaves="erasure_letter",
    ),
    Row("erasure_case_letter_act:again", "Have a letter sent again", "I...MS", letter("again")),
    Row("erasure_case_letter_act:arrived", "Say that a letter has arrived", "I...MS", letter("arrived")),
    Row("erasure_case_letter_download", "Download a letter", "I...MS", letter("download")),
    Row(
        "erasure_lettertemplate_changelist", "See the texts for letters", READ, get("erasure_lettertemplate_changelist")
    ),
    Row("erasure_lettertemplate_change", "See one text", READ, letter_text()),
    Row(
        "erasure_lettertemplate_change:post",
        "Change a text",
        "....MS",
        letter_text(subject="Hello", body="{greeting}"),
        only=("erasure_lettertemplate", "audit_event", "audit_pendingevent"),
    ),
    # Deeds of vendor work
    Row("erasure_case_act:ask_shred", "Ask for the destruction of personal data", "IA..MS", deed("ask_shred")),
    Row("erasure_case_act:withdraw_shred", "Keep what somebody asks to destroy", "IA..MS", deed("withdraw_shred")),
    Row(
        "erasure_case_act:approve_shred",
        "Destroy personal data that somebody else asks to destroy",
        ".A..MS",
        deed("approve_shred"),
    ),
    Row("erasure_case_act:add_recipient", "Put a further recipient into the ledger", "I...MS", deed("add_recipient")),
    Row("erasure_case_act:told_recipient", "Record that a recipient was told", "I...MS", deed("told_recipient")),
    Row("erasure_case_act:not_told", "Record why a recipient is not told", "I...MS", deed("not_told")),
    Row(
        "erasure_case_certificate",
        "Make and download the certificate of a case that has ended",
        "I...MS",
        post("erasure_case_certificate", ended),
    ),
    Row("erasure_case_recipients", "Print the recipients for the person", READ, get("erasure_case_recipients", draft)),
    Row("erasure_case_work:attest", "Confirm by hand", "IA..MS", deed("attest")),
    Row(
        "erasure_case_work:attest_shared", "Confirm by hand all that share a reference", "IA..MS", deed("attest_shared")
    ),
    Row("erasure_case_work:searched", "Record: searched, none found", "IA..MS", deed("searched")),
    Row("erasure_case_work:retry", "Try vendor work again", ".A..MS", deed("retry")),
    Row("erasure_case_work:give_up", "Give vendor work up", ".A..MS", deed("give_up")),
    Row("erasure_case_work:refuse", "Refuse for one vendor", ".A..MS", deed("refuse")),
    Row("erasure_case_work:take_back_refusal", "Take such a refusal back", ".A..MS", deed("take_back_refusal")),
    Row("erasure_case_work:settle", "Close what came of asking a vendor again", ".A..MS", deed("settle")),
    # Many cases at once: the list prepares it, its page starts it
    *(
        row
        for name, what, who, make, given in (
            ("submit", "submit many", "I...MS", draft, {}),
            ("approve", "approve many of somebody else's", ".A..MS", awaiting, {}),
            ("reject", "reject many", ".A..MS", awaiting, {"ground": "unfounded"}),
            ("retry", "try vendor work of many again", ".A..MS", test_deeds.stuck, {}),
            ("attest", "confirm many by hand", "IA..MS", test_deeds.by_hand, {"vendor": _vendor, "note": "Shredded."}),
            (
                "searched",
                "record for many that a search found nobody",
                "IA..MS",
                test_deeds.without_identifier,
                {"vendor": _vendor, "note": "Looked."},
            ),
            ("reply", "record the reply to many", "I...MS", awaiting, {"channel": "email"}),
            (
                "extend",
                "record an extension for many",
                "I...MS",
                awaiting,
                {"reason": "number", "channel": "email"},
            ),
            ("send_acknowledgement", "send many the confirmation of receipt", "I...MS", mailable, {}),
            ("send_completion", "send many the reply", "I...MS", mailable, {}),
            ("hold", "put many on hold", ".A..MS", awaiting, {}),
            ("release", "release many from hold", ".A..MS", test_deeds.held, {}),
        )
        for row in (
            _prepare(name, what, who, make),
            Row(
                f"erasure_bulkjob_change:{name}",
                f"Start: {what}",
                who,
                started(name, make, **given),
                after=a_row_is_done,
            ),
        )
    ),
    _prepare("export", "export many", "..U.MS", draft),
    Row(
        "erasure_bulkjob_change:export",
        "Download: export many",
        "..U.MS",
        started("export", draft, what="register", format="csv"),
    ),
    Row("erasure_bulkjob_changelist", "See bulk work", READ, get("erasure_bulkjob_changelist")),
    Row("erasure_bulkjob_change", "See one piece of it", READ, get("erasure_bulkjob_change", running)),
    Row("erasure_bulkjob_progress", "Follow how far it is", READ, get("erasure_bulkjob_progress", running)),
    Row("erasure_bulkjob_results", "Download its results", READ, get("erasure_bulkjob_results", running)),
    Row(
        "erasure_bulkjob_history",
        "Go from it to its trail",
        "..U.MS",
        get("erasure_bulkjob_history", running),
        (403, 404),
    ),
    Row("erasure_bulkjob_stop", "Stop what puts many on hold", ".A..MS", post("erasure_bulkjob_stop", running)),
    # Cases from a file
    Row("erasure_case_import", "Import cases: the form", "I...MS", get("erasure_case_import")),
    Row(
        "erasure_case_import:post",
        "Upload a file of cases",
        "I...MS",
        lambda: Ask(reverse("admin:erasure_case_import"), {"file": csv_file()}),
    ),
    Row("erasure_case_import_columns", "Read about its columns", "I...MS", get("erasure_case_import_columns")),
    Row(
        "erasure_case_import_template",
        "Download a template",
        "I...MS",
        lambda: Ask(reverse("admin:erasure_case_import_template", args=["comma"])),
    ),
    Row("erasure_case_import_page", "See one's own import", "I...MS", own_import(), (404,)),
    Row("erasure_case_import_page:other", "See another's import", "....MS", other_import(""), (404,)),
    Row("erasure_case_import_progress", "Follow one's own import", "I...MS", own_import(page="progress"), (404,)),
    Row("erasure_case_import_act:accept", "Accept one's own import", "I...MS", own_import("accept"), (404,)),
    Row("erasure_case_import_act:stop", "Stop one's own import", "I...MS", own_import("stop", running_import), (404,)),
    Row("erasure_case_import_act:discard", "Discard one's own import", "I...MS", own_import("discard"), (404,)),
    Row("erasure_case_import_act:other", "Discard another's import", "....MS", other_import("discard"), (404,)),
    Row(
        "erasure_case_import_act:mend",
        "Download the rows of one's own import that are to be mended",
        "I...MS",
        own_import("mend"),
        (404,),
        (200,),
        leaves="",
    ),
    # Vendor work, calls, evidence, alerts
    Row("erasure_subtask_changelist", "See vendor work", READ, get("erasure_subtask_changelist")),
    Row("erasure_subtask_change", "See one vendor's part", READ, get("erasure_subtask_change", some_work)),
    Row(
        "erasure_subtask_history",
        "Go from it to its trail",
        "..U.MS",
        get("erasure_subtask_history", some_work),
        (403, 404),
    ),
    Row(
        "erasure_subtask_references",
        "See what awaits confirmation, by reference",
        READ,
        get("erasure_subtask_references"),
    ),
    Row("erasure_subtask_reference", "See one reference", READ, reference),
    Row("erasure_subtask_reference:post", "Confirm a reference by hand", "IA..MS", shared),
    Row("erasure_call_changelist", "See calls", "IAUVMS", get("erasure_call_changelist")),
    Row("erasure_call_change", "See one call", "IAUVMS", get("erasure_call_change", call)),
    Row("erasure_evidence_changelist", "See evidence", READ, get("erasure_evidence_changelist")),
    Row("erasure_evidence_change", "See one piece of evidence", READ, get("erasure_evidence_change", evidence)),
    Row(
        "erasure_evidence_history",
        "Go from it to its trail",
        "..U.MS",
        get("erasure_evidence_history", evidence),
        (403, 404),
    ),
    Row("erasure_evidence_download", "Download evidence", ".A..MS", post("erasure_evidence_download", evidence)),
    Row("erasure_alert_changelist", "See alerts", "IAUVMS", get("erasure_alert_changelist")),
    Row("erasure_alert_change", "See one alert", "IAUVMS", get("erasure_alert_change", alert)),
    # Vendor accounts
    Row("erasure_vendor_changelist", "See vendor accounts", "IAUVMS", get("erasure_vendor_changelist")),
    Row("erasure_vendor_change", "See one account", "IAUVMS", get("erasure_vendor_change", shop)),
    Row("erasure_vendor_history", "Go from it to its trail", "..U.MS", get("erasure_vendor_history", shop), (403, 404)),
    Row("erasure_vendor_add", "Add an account: the form", "...VMS", get("erasure_vendor_add", connector="apptus")),
    Row(
        "erasure_vendor_add:post",
        "Add an account",
        "...VMS",
        post("erasure_vendor_add", None, "?connector=apptus", **account()),
    ),
    Row(
        "erasure_vendor_change:post",
        "Change an account",
        "...VMS",
        post("erasure_vendor_change", shop, **account(name="Shop search", calls_per_minute=7)),
    ),
    Row(
        "erasure_vendor_test",
        "Test an account's connection",
        "...VMS",
        post("erasure_vendor_test", shop),
    ),
    Row(
        "erasure_vendor_pause", "Pause an account", "...VMS", post("erasure_vendor_pause", shop, reason="Maintenance.")
    ),
    Row("erasure_vendor_resume", "Resume an account", "...VMS", post("erasure_vendor_resume", paused)),
    Row(
        "erasure_vendor_as_sent",
        "See what is sent for an identifier",
        "IAUVMS",
        post("erasure_vendor_as_sent", shop, kind="customer_id", value="C-1"),
        leaves="",
    ),
    # The trail
    Row("audit_event_changelist", "Read the trail", "..U.MS", get("audit_event_changelist")),
    Row("audit_event_change", "Read one event and its proof", "..U.MS", get("audit_event_change", event)),
    Row("audit_event_who", "Look up who acted", "..U.MS", post("audit_event_who", who="ada"), leaves=""),
    Row(
        "audit_event_checkpoint",
        "Download the checkpoint",
        "..U.MS",
        get("audit_event_checkpoint"),
        given=(200, 302, 404),
    ),
    Row(
        "audit_event_checkpoint_at",
        "Download an earlier checkpoint",
        "..U.MS",
        lambda: Ask(reverse("admin:audit_event_checkpoint_at", args=[1])),
        given=(200, 302, 404),
    ),
    Row("audit_event_keys", "Download the public keys", "..U.MS", get("audit_event_keys"), given=(200, 404)),
    Row("audit_event_export", "Export the trail: the form", "..U.MS", get("audit_event_export")),
    Row("audit_event_export:post", "Export the trail", "..U.MS", post("audit_event_export", format="csv")),
    # Absences
    Row("erasure_absence_changelist", "See who is away and who stands in", READ, get("erasure_absence_changelist")),
    Row("erasure_absence_change", "See one absence", READ, get("erasure_absence_change", absence)),
    Row(
        "erasure_absence_history",
        "Go from it to its trail",
        "..U.MS",
        get("erasure_absence_history", absence),
        (403, 404),
    ),
    Row("erasure_absence_add", "Record an absence: the form", "IA..MS", get("erasure_absence_add")),
    Row("erasure_absence_add:post", "Record one's own absence", "IA..MS", away),
    Row("erasure_absence_add:other", "Record the absence of others", "....MS", lambda: away(bob()), (200, 403)),
    Row("erasure_absence_change:post", "Change the absence of others", "....MS", away_longer),
    Row(
        "erasure_absence_delete",
        "Take back the absence of others: the page",
        "....MS",
        get("erasure_absence_delete", absence),
    ),
    Row(
        "erasure_absence_delete:post",
        "Take back the absence of others",
        "....MS",
        post("erasure_absence_delete", absence, post="yes"),
    ),
    # People and access
    Row("staff_user_changelist", "See people", "....MS", get("staff_user_changelist")),
    Row("staff_user_change", "See one person", "....MS", get("staff_user_change", bob)),
    Row("staff_user_history", "See a person's history", "....MS", get("staff_user_history", bob)),
    Row("staff_user_add", "Add a person: the form", "....MS", get("staff_user_add")),
    Row(
        "staff_user_add:post",
        "Add a person",
        "....MS",
        post("staff_user_add", username="zoe", password1=PASSWORD, password2=PASSWORD, usable_password="true"),
    ),
    Row(
        "staff_user_change:post",
        "Change a person and their roles",
        "....MS",
        post(
            "staff_user_change",
            bob,
            username="bob",
            last_name="Bobson",
            is_active="on",
            is_staff="on",
            date_joined_0="2026-01-01",
            date_joined_1="00:00",
        ),
    ),
    Row(
        "auth_user_password_change",
        "Set a person's password: the form",
        "....MS",
        get("auth_user_password_change", bob),
    ),
    Row(
        "auth_user_password_change:post",
        "Set a person's password",
        "....MS",
        post("auth_user_password_change", bob, password1=PASSWORD, password2=PASSWORD, usable_password="true"),
    ),
    Row("auth_group_changelist", "See roles", "....MS", get("auth_group_changelist")),
    Row("auth_group_change", "See one role", "....MS", get("auth_group_change", group)),
    Row("auth_group_history", "See a role's history", "....MS", get("auth_group_history", group)),
    Row("auth_group_add", "Add a role: the form", "....MS", get("auth_group_add")),
    Row("auth_group_add:post", "Add a role", "....MS", post("auth_group_add", name="helpers")),
    Row("auth_group_change:post", "Change a role", "....MS", post("auth_group_change", group, name="front desk")),
    Row("staff_servicetoken_changelist", "See service tokens", "....MS", get("staff_servicetoken_changelist")),
    Row("staff_servicetoken_change", "See one token", "....MS", get("staff_servicetoken_change", token)),
    Row("staff_servicetoken_history", "See a token's history", "....MS", get("staff_servicetoken_history", token)),
    Row(
        "staff_servicetoken_changelist:revoke",
        "Revoke tokens",
        "....MS",
        many("revoke", token, "staff_servicetoken_changelist"),
        _NOT_TICKED,
    ),
    Row(
        "staff_user_reset",
        "Reset a person's second factor: the form",
        "....MS",
        get("staff_user_reset", with_authenticator),
    ),
    Row(
        "staff_user_reset:post",
        "Reset a person's second factor",
        "....MS",
        post("staff_user_reset", with_authenticator, reason="lost"),
    ),
    Row("staff_signinlock_changelist", "See who is locked out", "....MS", get("staff_signinlock_changelist")),
    Row("staff_signinlock_change", "See one lock", "....MS", get("staff_signinlock_change", lock)),
    Row("staff_signinlock_history", "See a lock's history", "....MS", get("staff_signinlock_history", lock)),
    Row(
        "staff_signinlock_changelist:lift",
        "Lift locks",
        "....MS",
        many("lift", lock, "staff_signinlock_changelist"),
        _NOT_TICKED,
    ),
    # The queue
    *(
        Row(f"django_q_{model.lower()}_{name}", what, "....MS", get(f"django_q_{model.lower()}_{name}", make))
        for model, told in (("OrmQ", "queued messages"), ("Failure", "failed ones"), ("Success", "finished ones"))
        for name, what, make in (
            ("changelist", f"See {told}", None),
            ("change", f"See one of the {told}", queued(model)),
        )
    ),
)


@dataclass(frozen=True)
class Own:
    """What nobody approves because it is their own, superusers included. `only`: the tables that asking may change."""

    what: str
    ask: Callable[[User], Ask]
    only: tuple[str, ...] = ()


OWN: dict[str, Own] = {
    "erasure_case_act:approve": Own(
        "Approve a plan that one opened or changed oneself",
        lambda who: _approve(opened_case(by=who, submit=True)),
    ),
    "erasure_case_changelist:approve_cases": Own(
        "Prepare to approve many, and not leave out what one opened or changed oneself",
        lambda who: _approve_many(opened_case(by=who, submit=True)),
        JOB,
    ),
    "erasure_bulkjob_change:approve": Own(
        "Approve many that one opened or changed oneself",
        own_row_opened,
        (*JOB, "audit_event", "audit_pendingevent", "vault_datakey"),
    ),
}

#: What nobody does, whatever the button: model → what is made of it. Records are made and ended by the desk alone.
NEVER_ADDED: dict[str, str] = {
    "erasure_subtask": "vendor work",
    "erasure_call": "a call",
    "erasure_evidence": "evidence",
    "erasure_alert": "an alert",
    "erasure_lettertemplate": "a text for letters beside those there are",
    "erasure_bulkjob": "bulk work without a list",
    "audit_event": "an event",
    "staff_signinlock": "a lock",
    "staff_servicetoken": "a service token (a command issues them)",
    "django_q_ormq": "a queued message",
    "django_q_failure": "a failed one",
    "django_q_success": "a finished one",
}
NEVER_DELETED: dict[str, tuple[str, Callable[[], Any]]] = {
    "erasure_case": ("a case", draft),
    "erasure_subtask": ("vendor work", some_work),
    "erasure_call": ("a call", call),
    "erasure_evidence": ("evidence", evidence),
    "erasure_alert": ("an alert", alert),
    "erasure_lettertemplate": ("a text for letters, but for taking up the one that came", letter_row),
    "erasure_vendor": ("a vendor account", shop),
    "erasure_bulkjob": ("bulk work", running),
    "staff_signinlock": ("a lock", lock),
    "audit_event": ("an event", event),
    "staff_user": ("a person", bob),
    "auth_group": ("a role", group),
    "staff_servicetoken": ("a service token", token),
    "django_q_ormq": ("a queued message", queued("OrmQ")),
    "django_q_failure": ("a failed one", queued("Failure")),
    "django_q_success": ("a finished one", queued("Success")),
}
NEVER: tuple[Row, ...] = (
    *(Row(f"{name}_add", f"Add {what}", NOBODY, post(f"{name}_add")) for name, what in NEVER_ADDED.items()),
    *(
        Row(f"{name}_delete", f"Delete {what}", NOBODY, post(f"{name}_delete", make, post="yes"))
        for name, (what, make) in NEVER_DELETED.items()
    ),
    Row(
        "erasure_bulkjob_change:other",
        "Start what somebody else has prepared",
        NOBODY,
        post("erasure_bulkjob_change", others_job, note=""),
        (403, 404),
    ),
    Row("erasure_case_import_act:accept_other", "Accept another's import", NOBODY, other_import("accept"), (403, 404)),
    Row(
        "erasure_case_import_act:mend_other",
        "Download the rows of another's import that are to be mended",
        NOBODY,
        other_import("mend"),
        (403, 404),
    ),
)

#: Addresses without a line, and why.
WITHOUT: dict[str, str] = {
    "login": "for everybody",
    "logout": "for everybody",
    "oidc_begin": "a step of signing in, for everybody",
    "oidc_done": "a step of signing in, for everybody",
    "second_factor_code": "a step of signing in, for everybody",
    "second_factor_set_up": "a step of signing in, and afterwards everybody's own",
    "second_factor": "everybody's own; not there without a second factor",
    "second_factor_renew": "the same",
    "jsi18n": "the words of Django's own scripts",
    "autocomplete": "answers only for fields that ask for it, and none does",
    "view_on_site": "leads to a model's own page, and none has one",
    "erasure_case_history": "a case's page links to its trail itself: not found",
    "erasure_call_history": "calls have no trail of their own: not found",
    "erasure_alert_history": "the same",
    "erasure_lettertemplate_history": "not found",
    "audit_event_history": "an event never changes: not found",
    "django_q_ormq_history": "not found",
    "django_q_failure_history": "not found",
    "django_q_success_history": "not found",
}


def _approve(case: Case) -> Ask:
    return Ask(reverse("admin:erasure_case_act", args=[case.pk, "approve"]), {"digest": test_deeds.digest(case)})


def _approve_many(case: Case) -> Ask:
    return Ask(reverse("admin:erasure_case_changelist"), {"action": "approve_cases", "_selected_action": [case.pk]})


def deeds() -> set[str]:
    """A key for each deed of the registries."""
    return {f"erasure_case_act:{name}" for name in CASE_DEEDS} | {f"erasure_case_work:{name}" for name in WORK_DEEDS}


# --- as a page --------------------------------------------------------------------------------------------------------


def as_markdown() -> str:
    """The table as docs/roles.md shows it."""
    lines = [f"| | {' | '.join(ROLES)} |", f"|---|{'---|' * len(ROLES)}"]
    for row in ROWS:
        marks = " | ".join("yes" if row.may(role) else "–" for role in ROLES)
        lines.append(f"| {row.what} | {marks} |")
        if row.key in OWN:
            lines.append(f"| {OWN[row.key].what} | {' | '.join('never' for _role in ROLES)} |")
    lines += [f"| {row.what} | {' | '.join('never' for _role in ROLES)} |" for row in NEVER]
    return "\n".join(lines)


BEGIN, END = "<!-- the table: tests/erasure/admin/roles_table.py -->", "<!-- its end -->"


def write() -> None:
    """Puts the table into docs/roles.md."""
    before, _begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{as_markdown()}\n{END}{after}", encoding="utf-8")
