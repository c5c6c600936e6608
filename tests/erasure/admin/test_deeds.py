"""Every deed: by a role that may, by one that may not as a forged post, and told in words."""

import pytest
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff import tokens
from erasure import lifecycle
from erasure.admin.deeds import CASE_DEEDS, WORK_DEEDS
from erasure.models import Case, SubTask
from erasure.states import CaseStatus, SubTaskStatus
from tests.factories import approved_case, opened_case, person, vendor, work

from .conftest import act, page, superuser, told

S, W = CaseStatus, SubTaskStatus


def awaiting() -> Case:
    return opened_case(submit=True)


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


def stuck() -> SubTask:
    sub_task = work(approved_case())
    SubTask.objects.filter(pk=sub_task.pk).update(
        status=W.NEEDS_ATTENTION, attention_code="refused", attention_text="The vendor refused.", next_at=None
    )
    sub_task.refresh_from_db()
    return sub_task


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
    "attest": (by_hand, {"note": "Shredded."}, "approver", "auditor", lambda work: work.status == W.DONE),
    "searched": (without_identifier, {"note": "Looked."}, "intake", "auditor", lambda work: work.status == W.DONE),
    "retry": (stuck, {}, "approver", "intake", lambda work: work.status == W.READY),
    "give_up": (stuck, {"note": "Closed down."}, "approver", "intake", lambda work: work.status == W.STOPPED),
}


def test_every_deed_is_tested_here():
    assert set(DEEDS) == {*CASE_DEEDS, *WORK_DEEDS}


def made(deed: str):
    make, given, may, may_not, after = DEEDS[deed]
    about = make()
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
    assert told(answer) == [str((CASE_DEEDS | WORK_DEEDS)[deed].done)]
    about.refresh_from_db()
    assert after(about)


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
def test_without_a_csrf_token_or_as_a_get_nothing_is_done(deed):
    about, given, _may, _may_not, after = made(deed)
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser())
    assert act(client, about, deed, **given).status_code == 403
    name, args = ("case_work", [about.case_id, about.pk]) if isinstance(about, SubTask) else ("case_act", [about.pk])
    assert client.get(reverse(f"admin:erasure_{name}", args=[*args, deed])).status_code == 405
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
