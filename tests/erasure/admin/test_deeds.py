"""Every deed: by a role that may, by one that may not as a forged post, and told in words."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff import tokens
from erasure import lifecycle
from erasure.admin.deeds import CASE_DEEDS, WORK_DEEDS
from erasure.models import Case, Shredding, SubTask
from erasure.states import CaseStatus, IdentifierState, SubTaskStatus
from tests.erasure.retention.made import asked_for, ended_case
from tests.erasure.taken import cdp, taken
from tests.factories import approved_case, found, opened_case, person, vendor, work

from .conftest import act, page, superuser, told

S, W = CaseStatus, SubTaskStatus


def awaiting() -> Case:
    return opened_case(submit=True)


def asked() -> Case:
    case = awaiting()
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    return case


def with_recipient() -> Case:
    case = awaiting()
    lifecycle.add_recipient(case, by=person("olive"), name="An auditor")
    return case


def auditor(case: Case) -> str:
    return str(case.recipients.get().pk)


def held() -> Case:
    case = awaiting()
    lifecycle.hold(case, by=person("ada"))
    return case


def by_hand() -> SubTask:
    vendor("Paper archive", "manual")
    return work(approved_case(), "Paper archive")


def without_identifier() -> SubTask:
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    return work(approved_case(), "Forum")


def suggested() -> Case:
    vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id"]})
    case = approved_case()
    found(case, ("cookie_id", "ck-1"))
    return case


def stuck() -> SubTask:
    sub_task = work(approved_case())
    SubTask.objects.filter(pk=sub_task.pk).update(
        status=W.NEEDS_ATTENTION, attention_code="refused", attention_text="The vendor refused.", next_at=None
    )
    sub_task.refresh_from_db()
    return sub_task


def shared() -> SubTask:
    cdp()
    taken("E-1")
    return taken("E-1")


def lifting() -> Case:
    return opened_case(kind="lift_restriction", submit=True)


def refused() -> SubTask:
    """A vendor's part that is refused in a plan that awaits approval."""
    vendor("Paper archive", "manual")
    case = awaiting()
    lifecycle.refuse_work(work(case, "Paper archive"), by=person("ida", "approver"), ground="legal_obligation")
    return work(case, "Paper archive")


def anew(about: Case | SubTask) -> Case | SubTask:
    """As it is now. A plan that is drawn again has another part in the place of one."""
    return type(about).objects.filter(pk=about.pk).first() or work(about.case, about.vendor.name)


def there_again() -> SubTask:
    """Work that asked again, long after its case was closed, and found data."""
    vendor(options={"ask_again_after_seconds": 30 * 86_400})
    done = work(approved_case())
    with transaction.atomic():
        done.case = Case.locked().get(pk=done.case_id)
        done.identifiers.update(outcome="erased", held="yes", assurance="confirmed")
        lifecycle.move(done, W.NEEDS_ATTENTION, attention_code="refused", next_at=None)
        lifecycle.attest(done, by=person("ada"), note="Seen.")
    found_again = SubTask.objects.select_related("case", "vendor").get(follows=done)
    text = "Data of this person is there again."
    lifecycle.move(found_again, W.NEEDS_ATTENTION, attention_code="there_again", attention_text=text, next_at=None)
    return found_again


def digest(case: Case) -> str:
    return lifecycle.open_revision(case).digest


#: deed → what it is done to, what is posted, a role that may, one that may not, and what is true afterwards
DEEDS = {
    "submit": (opened_case, {}, "intake", "approver", lambda case: case.status == S.AWAITING_APPROVAL),
    "approve": (awaiting, {"digest": digest}, "approver", "intake", lambda case: case.status == S.IN_PROGRESS),
    "reject": (awaiting, {"ground": "unfounded"}, "approver", "intake", lambda case: case.status == S.REJECTED),
    "cancel": (awaiting, {"reason": "mistaken"}, "intake", "auditor", lambda case: case.status == S.CANCELLED),
    "hold": (awaiting, {"note": "Wait."}, "approver", "intake", lambda case: case.held_at and case.notes.count() == 1),
    "release": (held, {}, "approver", "intake", lambda case: case.held_at is None),
    "note": (opened_case, {"note": "She called."}, "intake", "auditor", lambda case: case.notes.count() == 1),
    "assign": (
        opened_case,
        {"handler": lambda _case: person("hanna", "intake").pk},
        "intake",
        "approver",
        lambda case: case.handler is not None,
    ),
    "add_identifier": (
        opened_case,
        {"kind": "customer_id", "value": "C-2"},
        "intake",
        "approver",
        lambda case: case.identifiers.count() == 3,
    ),
    "remove_identifier": (
        opened_case,
        {"identifier": lambda case: case.identifiers.first().pk},
        "intake",
        "approver",
        lambda case: case.identifiers.count() == 1,
    ),
    "proposals": (
        suggested,
        lambda case: {f"decision-{case.identifiers.get(kind='cookie_id').pk}": "dismiss", "note": "Shared."},
        "intake",
        "approver",
        lambda case: case.identifiers.get(kind="cookie_id").state == IdentifierState.DISMISSED,
    ),
    "identity": (
        awaiting,
        {"method": "contact", "result": "proven"},
        "intake",
        "auditor",
        lambda case: case.identity_result == "proven",
    ),
    "told_of_lifting": (lifting, {"channel": "email"}, "intake", "auditor", lambda case: case.told_of_lifting_at),
    "acknowledge": (awaiting, {"channel": "email"}, "intake", "auditor", lambda case: case.acknowledged_at),
    "ask": (
        awaiting,
        {"reason": "identity", "channel": "email"},
        "intake",
        "auditor",
        lambda case: case.inquiries.count() == 1,
    ),
    "answered": (asked, {"reason": "identity"}, "intake", "auditor", lambda case: case.inquiries.get().answered_on),
    "extend": (
        awaiting,
        {"reason": "complexity", "channel": "email"},
        "intake",
        "auditor",
        lambda case: case.extended_at,
    ),
    "add_recipient": (
        awaiting,
        {"name": "An auditor"},
        "intake",
        "approver",
        lambda case: case.recipients.count() == 1,
    ),
    "told_recipient": (
        with_recipient,
        {"recipient": auditor, "channel": "email"},
        "intake",
        "approver",
        lambda case: case.recipients.get().told_on,
    ),
    "not_told": (
        with_recipient,
        {"recipient": auditor, "why": "impossible", "note": "No address."},
        "intake",
        "approver",
        lambda case: case.recipients.get().why_not,
    ),
    "ask_shred": (
        ended_case,
        {"reason": "person_asks", "note": "She asks for it."},
        "intake",
        "auditor",
        lambda case: Shredding.objects.filter(case=case, at=None).exists(),
    ),
    "withdraw_shred": (
        lambda: asked_for(ended_case()),
        {},
        "intake",
        "auditor",
        lambda case: not Shredding.objects.exists(),
    ),
    "approve_shred": (
        lambda: asked_for(ended_case()),
        {},
        "approver",
        "intake",
        lambda case: case.shredded_at,
    ),
    "reply": (awaiting, {"channel": "email"}, "intake", "auditor", lambda case: case.replied_at),
    "attest": (by_hand, {"note": "Shredded."}, "approver", "auditor", lambda work: work.status == W.DONE),
    "attest_shared": (
        shared,
        {"reference": "E-1", "note": "Completed."},
        "intake",
        "auditor",
        lambda work: work.status == W.DONE,
    ),
    "searched": (without_identifier, {"note": "Looked."}, "intake", "auditor", lambda work: work.status == W.DONE),
    "retry": (stuck, {}, "approver", "intake", lambda work: work.status == W.READY),
    "give_up": (stuck, {"note": "Closed down."}, "approver", "intake", lambda work: work.status == W.STOPPED),
    "refuse": (by_hand, {"ground": "legal_claims"}, "approver", "intake", lambda work: work.status == W.STOPPED),
    "take_back_refusal": (refused, {}, "approver", "intake", lambda work: work.reason == "by_hand"),
    "settle": (
        there_again,
        {"note": "She has come back."},
        "approver",
        "intake",
        lambda work: (work.status, work.reason, work.case.status) == (W.STOPPED, "accepted", S.COMPLETED),
    ),
}


#: What is told in place of the deed's own words.
TOLD = {
    "attest_shared": "Confirmed by hand in 2 cases.",
    "give_up": "Given up. Nothing else was under way, so the case has ended: partly completed.",
}


def test_every_deed_is_tested_here():
    assert set(DEEDS) == {*CASE_DEEDS, *WORK_DEEDS}


def made(deed: str):
    make, given, may, may_not, after = DEEDS[deed]
    about = make()
    given = given(about) if callable(given) else given
    values = {name: value(about) if callable(value) else value for name, value in given.items()}
    return about, values, may, may_not, after


@pytest.mark.parametrize("deed", DEEDS)
def test_who_may_does_it_is_told_so_and_lands_on_the_case(signed_in, deed):
    about, given, may, _may_not, after = made(deed)
    client = signed_in("mia", may)
    case = getattr(about, "case", about)
    if deed != "remove_identifier":
        assert f'id="{deed}-{about.pk if case is not about else "case"}"' in page(client, case)
    answer = act(client, about, deed, **given)
    assert answer.url == reverse("admin:erasure_case_change", args=[case.pk])
    assert told(answer) == [TOLD.get(deed) or str((CASE_DEEDS | WORK_DEEDS)[deed].done)]
    assert after(anew(about))


def test_what_asking_again_has_found_is_the_next_thing_to_do_on_the_page_of_a_closed_case(signed_in):
    found_again = there_again()
    lifecycle.reply(found_again.case, by=person("olive", "intake"), channel="email")
    html = page(signed_in("mia", "approver"), found_again.case)
    assert "was asked again: read what came of it" in html
    assert "Asks once more whether anything is held" in html
    assert f'id="settle-{found_again.pk}"' in html
    assert f'id="attest-{found_again.pk}"' not in html
    assert f'id="give_up-{found_again.pk}"' not in html
    listed = signed_in("mia", "approver").get(reverse("admin:erasure_case_changelist"), {"queue": "attention"})
    assert found_again.case.reference in listed.content.decode()


def test_giving_up_tells_how_the_case_can_end_while_other_work_goes_on(signed_in):
    vendor("Paper archive", "manual")
    answer = act(signed_in("mia", "approver"), stuck(), "give_up", note="Closed down.")
    assert told(answer) == ["Given up. The case can only end partly completed."]


@pytest.mark.parametrize("deed", DEEDS)
def test_who_may_not_sees_no_button_and_a_forged_post_is_refused(signed_in, deed):
    about, given, _may, may_not, after = made(deed)
    client = signed_in("nils", may_not)
    events = Event.objects.count()
    case = getattr(about, "case", about)
    assert f'/{deed}/"' not in page(client, case)
    assert act(client, about, deed, **given).status_code == 403
    about.refresh_from_db()
    assert not after(about)
    assert Event.objects.count() == events


@pytest.mark.parametrize("deed", DEEDS)
def test_without_a_csrf_token_nothing_is_done_and_a_get_leads_to_the_case(deed):
    about, given, _may, _may_not, after = made(deed)
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser())
    assert act(client, about, deed, **given).status_code == 403
    name, args = ("case_work", [about.case_id, about.pk]) if isinstance(about, SubTask) else ("case_act", [about.pk])
    address, case = reverse(f"admin:erasure_{name}", args=[*args, deed]), getattr(about, "case", about)
    answer = client.get(address, given if isinstance(given, dict) else {})
    assert (answer.status_code, answer.url) == (302, reverse("admin:erasure_case_change", args=[case.pk]))
    assert client.put(address).status_code in (403, 405)
    about.refresh_from_db()
    assert not after(about)


def test_a_deed_that_does_not_exist_is_not_found(signed_in):
    assert act(Client(), opened_case(), "explode").status_code == 302  # to the sign-in
    assert act(signed_in("root", is_superuser=True), opened_case(), "explode").status_code == 404


def test_work_of_another_case_cannot_be_reached_through_this_one(signed_in):
    mine, other = by_hand(), approved_case()
    address = reverse("admin:erasure_case_work", args=[other.pk, mine.pk, "attest"])
    assert signed_in("mia", "approver").post(address, {"note": "x"}).status_code == 404


# --- four eyes


@pytest.mark.parametrize("is_superuser", [False, True])
def test_the_opener_sees_why_not_in_place_of_the_button_and_a_forged_post_fails(signed_in, is_superuser):
    client = signed_in("olive", "intake", "approver", is_superuser=is_superuser)
    case = opened_case(submit=True)
    html = page(client, case)
    assert "You opened this case; another person must approve it." in html
    assert "/approve/" not in html
    answer = act(client, case, "approve", digest=digest(case))
    assert told(answer) == ["You opened this case; another person must approve it."]
    case.refresh_from_db()
    assert case.status == S.AWAITING_APPROVAL


def test_whoever_changed_the_plan_cannot_approve_it(signed_in):
    client = signed_in("mia", "intake", "approver")
    case = opened_case(submit=True)
    assert "/approve/" in page(client, case)
    act(client, case, "add_identifier", kind="visitor_id", value="3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00")
    assert "You changed this plan; another person must approve it." in page(client, case)
    assert told(act(client, case, "approve", digest=digest(case)))[-1].startswith("You changed this plan")


def test_a_plan_that_changed_since_it_was_read_is_not_approved(signed_in):
    client, case = signed_in("mia", "approver"), opened_case(submit=True)
    read = digest(case)
    act(signed_in("olive", "intake"), case, "add_identifier", kind="customer_id", value="C-2")
    answer = act(client, case, "approve", digest=read)
    assert "The plan has changed since it was read. Nothing was approved." in told(answer)[0]
    case.refresh_from_db()
    assert case.status == S.AWAITING_APPROVAL


# --- refusals in words


def test_a_refusal_of_lifecycle_is_told_in_its_own_words(signed_in):
    client, case = signed_in("olive", "intake"), opened_case(submit=True)
    assert told(act(client, case, "submit")) == ["This is not possible now: the case is awaiting approval."]


def test_a_missing_ground_is_told(signed_in):
    client, case = signed_in("ada", "approver"), opened_case(submit=True)
    assert told(act(client, case, "reject", ground="")) == ["Ground: This field is required."]


def test_a_duplicate_must_name_its_case(signed_in):
    client, case, other = signed_in("olive", "intake"), opened_case(), opened_case()
    assert "Name the reference" in told(act(client, case, "cancel", reason="duplicate"))[0]
    act(client, case, "cancel", reason="duplicate", duplicate_of=other.reference)
    case.refresh_from_db()
    assert case.duplicate_of == other


# --- what was typed


SECRET = "Ada.Lovelace at example.org"


@pytest.mark.parametrize(
    ("deed", "role", "given", "words"),
    [
        ("add_identifier", "intake", {"kind": "email", "value": SECRET}, "It is not an e-mail address."),
        ("cancel", "intake", {"reason": "duplicate", "note": SECRET}, "Name the reference"),
        ("reject", "approver", {"ground": "", "note": SECRET}, "This field is required."),
        ("note", "intake", {"note": SECRET + "\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_form_that_is_not_taken_stays_open_with_what_was_typed_and_keeps_it_nowhere_else(
    signed_in, deed, role, given, words
):
    client, case = signed_in("mia", role), opened_case(submit=True)
    answer = act(client, case, deed, **given)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "no-store" in answer["Cache-Control"]
    form = html[html.index(f'<details class="desk-deed" id="{deed}-case" open>') :]
    form = form[: form.index("</details>")]
    assert words in form
    assert SECRET in form
    assert "autofocus" in form
    assert html.count(SECRET) == 1
    assert SECRET not in page(client, case)
    assert not [value for value in client.session.values() if SECRET in str(value)]


def test_the_form_of_one_vendors_work_stays_open_alone(signed_in):
    sub_task = by_hand()
    answer = act(signed_in("ada", "approver"), sub_task, "attest", note="")
    assert answer.content.decode().count(f'id="attest-{sub_task.pk}" open') == 1
    assert answer.content.decode().count("This field is required.") == 2  # above the page, and at the box


def test_a_line_break_in_an_identifier_is_refused_in_words(signed_in):
    client, case, value = signed_in("olive", "intake"), opened_case(), "C-1\r\nC-2"
    answer = act(client, case, "add_identifier", kind="customer_id", value=value)
    assert "It holds a line break" in answer.content.decode()
    assert case.identifiers.count() == 2


# --- who can look after a case


def test_only_people_who_can_work_on_cases_are_offered_as_handlers(signed_in):
    for name, role in (("ina", "intake"), ("app", "approver"), ("aud", "auditor"), ("ven", "vendor manager")):
        person(name, role)
    person("gone", "intake", is_active=False)
    tokens.issue("robot", ["cases:write"], None)
    client, case = signed_in("olive", "intake"), opened_case()
    superuser()
    html = page(client, case)
    offered = html[html.index('id="assign-') :]
    offered = offered[: offered.index("</select>")]
    for name in ("ina", "app", "olive", "root"):
        assert f">{name}</option>" in offered
    for name in ("aud", "ven", "gone", "robot"):
        assert f">{name}</option>" not in offered
