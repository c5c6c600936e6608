"""The second factor: a password alone opens nothing."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff import second_factor
from compliance.staff.models import Authenticator, RecoveryCode, User
from compliance.vault.models import DataKey
from tests.compliance.staff.signing_in import (
    CODE_PAGE,
    PASSWORD,
    SET_UP_PAGE,
    code_of,
    errors_of,
    give_code,
    give_password,
    with_device,
    wrong_code_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def required(settings) -> None:
    settings.SECOND_FACTOR = True


@pytest.fixture
def anna() -> User:
    user = User.objects.create_user("anna", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    return user


@pytest.fixture
def signed_in(client, anna) -> Client:
    device, _codes = with_device(anna)
    give_password(client)
    assert give_code(client, code_of(device)).status_code == 302
    return client


def actions() -> list[str]:
    kept = ("staff.second_factor", "staff.recovery", "staff.signed", "staff.password", "staff.sign_in_failed")
    return [name for name in Event.objects.order_by("id").values_list("action", flat=True) if name.startswith(kept)]


def opens(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


# --- the first sign-in ------------------------------------------------------------------------------------------------


def test_the_first_sign_in_sets_up_an_authenticator_and_shows_recovery_codes_once(client, anna):
    wanted = reverse("admin:staff_user_changelist")
    page = client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD, "next": wanted}, follow=True)
    assert page.request["PATH_INFO"] == SET_UP_PAGE
    html = page.content.decode()
    device = Authenticator.objects.get(user=anna, confirmed=False)
    key = second_factor.key_text(device)
    assert key in html.replace(" ", "")
    assert re.search(r'<svg [^>]*class="staff-qr"', html)
    assert not opens(client)

    page = client.post(SET_UP_PAGE, {"code": code_of(device), "next": wanted})
    codes = re.findall(r"<li>([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})</li>", page.content.decode())
    assert len(set(codes)) == 10
    assert f'href="{wanted}"' in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert opens(client)
    assert actions() == [
        "staff.password_given",
        "staff.second_factor_set",
        "staff.recovery_codes_made",
        "staff.signed_in",
    ]

    again = client.post(SET_UP_PAGE, {"code": code_of(device, steps=1)})
    assert (again.status_code, again["Location"]) == (302, reverse("admin:second_factor"))
    assert codes[0] not in client.get(again["Location"]).content.decode()
    kept = "".join(map(str, RecoveryCode.objects.values_list("digest", flat=True)))
    assert not any(code.replace("-", "") in kept for code in codes)


def test_what_the_square_says_is_what_apps_read(anna):
    device = second_factor.begin(anna)
    said = urlsplit(second_factor.address_for_app(device))
    assert (said.scheme, said.netloc, said.path) == ("otpauth", "totp", "/Erasure%20Desk:anna")
    assert parse_qs(said.query) == {
        "secret": [second_factor.key_text(device)],
        "issuer": ["Erasure Desk"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_a_wrong_code_sets_nothing_up(client, anna):
    give_password(client)
    client.get(SET_UP_PAGE)
    device = Authenticator.objects.get(user=anna)
    page = client.post(SET_UP_PAGE, {"code": wrong_code_of(device)})
    assert "not the code" in errors_of(page)
    assert second_factor.key_text(device) in page.content.decode().replace(" ", ""), "the same key, to try again"
    assert not opens(client)
    assert not RecoveryCode.objects.exists()


def test_a_key_that_another_session_was_shown_is_never_put_to_use(client, anna):
    stranger = Client()
    give_password(stranger)
    stranger.get(SET_UP_PAGE)
    seen = Authenticator.objects.get(user=anna)
    give_password(client)
    client.get(SET_UP_PAGE)
    assert not Authenticator.objects.filter(pk=seen.pk).exists()
    assert DataKey.objects.get(pk=seen.data_key_id).destroyed_at
    stranger.post(SET_UP_PAGE, {"code": code_of(Authenticator.objects.get(user=anna))})
    assert not Authenticator.objects.filter(confirmed=True).exists()
    assert not opens(stranger)


def test_two_who_set_up_at_once_end_with_one_device(client, anna):
    first = second_factor.begin(anna)
    second_factor.confirm(anna, first.pk, code_of(first), replace=False)
    late = Authenticator.make(anna)
    with pytest.raises(second_factor.NotDone):
        second_factor.confirm(anna, late.pk, code_of(late), replace=False)
    assert Authenticator.objects.get(confirmed=True).pk == first.pk


def test_the_key_is_sealed_where_it_is_kept(anna):
    device = second_factor.begin(anna)
    assert device.key() not in bytes(device.sealed_key)
    assert len(device.key()) == 20


# --- a sign-in --------------------------------------------------------------------------------------------------------


def test_a_sign_in_is_a_password_and_then_a_code(client, anna):
    device, _codes = with_device(anna)
    wanted = reverse("admin:staff_user_changelist")
    page = client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD, "next": wanted}, follow=True)
    assert page.request["PATH_INFO"] == CODE_PAGE
    assert f'name="next" value="{wanted}"' in page.content.decode()
    before = client.session.session_key
    answer = give_code(client, code_of(device), next=wanted)
    assert (answer.status_code, answer["Location"]) == (302, wanted)
    assert client.session.session_key != before
    assert opens(client)
    assert actions()[-2:] == ["staff.password_given", "staff.signed_in"]


def test_onward_leads_to_no_other_site(client, anna):
    device, _codes = with_device(anna)
    give_password(client)
    answer = give_code(client, code_of(device), next="https://evil.example/")
    assert answer["Location"] == reverse("admin:index")


def test_a_next_that_is_no_address_of_a_page_does_not_end_in_an_error(client, anna):
    device, _codes = with_device(anna)
    give_password(client)
    assert give_code(client, code_of(device), next="nowhere").status_code == 302
    assert opens(client)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "１２３４５６", "0" * 39, "\0"])
def test_what_is_no_code_opens_nothing(client, anna, code):
    with_device(anna)
    give_password(client)
    assert give_code(client, code).status_code == 200
    assert not opens(client)


def test_a_code_works_once(client, anna, turn_clock):
    device, _codes = with_device(anna)
    turn_clock(timedelta())
    code = code_of(device)
    give_password(client)
    give_code(client, code)
    assert opens(client)
    other = Client()
    give_password(other)
    assert "used before" in errors_of(give_code(other, code))
    assert not opens(other)
    turn_clock(timedelta(seconds=30))
    assert give_code(other, code_of(device)).status_code == 302


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(client, anna, turn_clock, steps, taken):
    device, _codes = with_device(anna)
    turn_clock(timedelta())
    give_password(client)
    give_code(client, code_of(device, steps=steps))
    assert opens(client) is taken


def test_a_recovery_code_stands_in_once_however_it_is_typed(client, anna):
    _device, codes = with_device(anna)
    give_password(client)
    give_code(client, f" {codes[0].upper().replace('-', ' ')} ")
    assert opens(client)
    event = Event.objects.get(action="staff.recovery_code_used")
    assert (event.subject, event.details) == (f"user:{anna.pk}", {"left": 9})
    other = Client()
    give_password(other)
    assert give_code(other, codes[0]).status_code == 200
    assert not opens(other)


def test_a_recovery_code_of_somebody_else_opens_nothing(client, anna):
    with_device(anna)
    _device, codes = with_device(User.objects.create_user("bob", password=PASSWORD, is_staff=True))
    give_password(client)
    give_code(client, codes[0])
    assert not opens(client)


def test_a_wrong_code_leaves_an_event_without_it(client, anna):
    device, _codes = with_device(anna)
    give_password(client)
    wrong = wrong_code_of(device)
    give_code(client, wrong)
    event = Event.objects.get(action="staff.sign_in_failed")
    assert (event.subject, event.details["count"]) == (f"user:{anna.pk}", 1)


def test_a_sign_in_whose_code_cannot_be_recorded_is_none(client, anna, monkeypatch):
    device, _codes = with_device(anna)
    give_password(client)
    client.raise_request_exception = False

    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("compliance.staff.pages.record", broken)
        assert give_code(client, code_of(device)).status_code == 500
    assert not opens(client)


# --- a session that has given a password alone ------------------------------------------------------------------------


def every_address() -> list[str]:
    """Each address of the admin, with anything for what it takes."""
    some = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000000", "slug": "approve", "path": "1", "str": "1"}
    found = []

    def walk(patterns, prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            elif "(?P" not in route and "^" not in route:
                found.append("/admin/" + re.sub(r"<(?:(\w+):)?\w+>", lambda word: some[word[1] or "str"], route))

    walk(admin.site.get_urls(), "")
    return found


OPEN = {"/admin/login/", "/admin/logout/", CODE_PAGE, SET_UP_PAGE, "/admin/oidc/begin/", "/admin/oidc/done/"}


def test_no_page_of_the_admin_opens_and_no_post_is_taken(client, anna):
    with_device(anna)
    anna.is_superuser = True
    anna.save()
    give_password(client)
    addresses = set(every_address()) - OPEN
    assert len(addresses) > 60
    assert {"/admin/jsi18n/", "/admin/autocomplete/", "/admin/staff/user/1/history/"} <= addresses
    assert any("download" in address for address in addresses)
    events = Event.objects.count()
    for address in sorted(addresses):
        for answer in (client.get(address), client.post(address, {"post": "yes", "reason": "x", "action": "revoke"})):
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/admin/login/?next="), address
    assert Event.objects.count() == events
    page = client.get("/admin/login/", {"next": "/admin/staff/user/"}, follow=True)
    assert page.request["PATH_INFO"] == CODE_PAGE


def test_it_cannot_bring_a_device_of_its_own_where_there_is_one(client, anna):
    device, _codes = with_device(anna)
    give_password(client)
    assert client.get(SET_UP_PAGE)["Location"].startswith(CODE_PAGE)
    planted = second_factor.begin(anna)
    session = client.session
    session["staff_enrolling"] = planted.pk
    session.save()
    client.post(SET_UP_PAGE, {"code": code_of(planted)})
    assert Authenticator.objects.get(confirmed=True).pk == device.pk
    assert not opens(client)


def test_it_can_sign_out(client, anna):
    with_device(anna)
    give_password(client)
    assert 'action="/admin/logout/"' in client.get(CODE_PAGE).content.decode()
    assert client.post(reverse("admin:logout")).status_code == 200
    assert client.get(CODE_PAGE)["Location"].startswith("/admin/login/")


def test_the_pages_are_for_people_who_may_sign_in(client, anna):
    for address in (CODE_PAGE, SET_UP_PAGE):
        assert client.get(address)["Location"].startswith("/admin/login/")
    User.objects.filter(pk=anna.pk).update(is_staff=False)
    client.force_login(anna)
    for address in (CODE_PAGE, SET_UP_PAGE):
        assert client.get(address)["Location"].startswith("/admin/login/")


def test_a_device_of_another_account_verifies_nobody(client, anna):
    bob = User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    device, _codes = with_device(bob)
    client.force_login(anna)
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    assert not opens(client)


def test_where_it_is_not_required_it_is_not_asked_for(client, anna, settings):
    settings.SECOND_FACTOR = False
    give_password(client)
    assert opens(client)
    for address in (CODE_PAGE, SET_UP_PAGE, reverse("admin:second_factor")):
        assert client.get(address).status_code == 404
    assert actions() == ["staff.signed_in"]


def test_people_are_told_their_password_only_begins_a_sign_in(client, anna):
    with_device(anna)
    give_password(client)
    page = client.get(CODE_PAGE).content.decode()
    assert "You have given the password of “anna”" in page
    assert "Change password" not in page


# --- one's own page ---------------------------------------------------------------------------------------------------


def test_recovery_codes_are_renewed_and_the_old_ones_are_dead(signed_in, anna):
    page = signed_in.post(reverse("admin:second_factor_renew"))
    new = re.findall(r"<li>([a-z2-9-]{14})</li>", page.content.decode())
    assert len(new) == 10
    assert RecoveryCode.objects.filter(user=anna).count() == 10
    assert second_factor.accepted(anna, new[3])
    assert not second_factor.accepted(anna, new[3])
    assert "9 recovery codes are left" in signed_in.get(reverse("admin:second_factor")).content.decode()
    assert signed_in.get(reverse("admin:second_factor_renew")).status_code == 405


def test_a_device_is_changed_by_setting_up_another(signed_in, anna):
    old = Authenticator.objects.get(confirmed=True)
    signed_in.get(SET_UP_PAGE)
    assert Authenticator.objects.get(confirmed=True).pk == old.pk, "until the new one is confirmed"
    new = Authenticator.objects.get(confirmed=False)
    assert signed_in.post(SET_UP_PAGE, {"code": code_of(new)}).status_code == 200
    assert Authenticator.objects.get().pk == new.pk
    assert DataKey.objects.get(pk=old.data_key_id).destroyed_at
    assert opens(signed_in)
    event = Event.objects.filter(action="staff.second_factor_set").latest("id")
    assert event.details == {"replaced": True}


def test_other_sessions_need_a_code_of_the_new_device(signed_in, anna, turn_clock):
    other = Client()
    give_password(other)
    turn_clock(timedelta(seconds=60))
    give_code(other, code_of(Authenticator.objects.get()))
    assert opens(other)
    signed_in.get(SET_UP_PAGE)
    signed_in.post(SET_UP_PAGE, {"code": code_of(Authenticator.objects.get(confirmed=False))})
    assert not opens(other)


@pytest.mark.parametrize("what", ["renew", "change"])
def test_a_stale_session_changes_nothing_of_its_own(signed_in, turn_clock, what):
    turn_clock(timedelta(minutes=16))
    address = reverse("admin:second_factor_renew") if what == "renew" else SET_UP_PAGE
    kept = set(RecoveryCode.objects.values_list("digest", flat=True))
    page = signed_in.post(address, {"code": "123456"})
    assert page.status_code == 403
    assert "Is it still you?" in page.content.decode()
    assert set(RecoveryCode.objects.values_list("digest", flat=True)) == kept
    assert signed_in.get(SET_UP_PAGE).status_code == 403
    assert not Authenticator.objects.filter(confirmed=False).exists()


# --- somebody else's --------------------------------------------------------------------------------------------------


@pytest.fixture
def bob() -> User:
    user = User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    with_device(user)
    return user


def reset(client: Client, user: User, **given: str):
    return client.post(reverse("admin:staff_user_reset", args=[user.pk]), {"reason": "lost", **given})


def test_an_administrator_resets_somebodys_with_a_reason(signed_in, anna, bob, turn_clock):
    his = Client()
    give_password(his, "bob")
    give_code(his, code_of(Authenticator.objects.get(user=bob)))
    assert opens(his)
    page = signed_in.get(reverse("admin:staff_user_change", args=[bob.pk])).content.decode()
    address = reverse("admin:staff_user_reset", args=[bob.pk])
    assert address in page
    assert "whoever knows the password" in signed_in.get(address).content.decode()
    assert reset(signed_in, bob, reason="").status_code == 200
    assert Authenticator.objects.filter(user=bob).exists()
    assert reset(signed_in, bob).status_code == 302
    assert not Authenticator.objects.filter(user=bob).exists()
    assert not RecoveryCode.objects.filter(user=bob).exists()
    event = Event.objects.get(action="staff.second_factor_reset")
    assert (event.actor, event.subject) == (f"user:{anna.pk}", f"user:{bob.pk}")
    assert event.details == {"reset_reason": "lost"}
    assert his.get(SET_UP_PAGE)["Location"].startswith("/admin/login/"), "his session has ended"
    assert opens(signed_in)


def test_nobody_resets_their_own(signed_in, anna):
    reset(signed_in, anna)
    assert Authenticator.objects.filter(user=anna, confirmed=True).exists()
    assert not Event.objects.filter(action="staff.second_factor_reset").exists()


def test_only_a_superuser_resets_one_of_a_superuser(signed_in, anna, bob):
    User.objects.filter(pk=bob.pk).update(is_superuser=True)
    reset(signed_in, bob)
    assert Authenticator.objects.filter(user=bob).exists()
    User.objects.filter(pk=anna.pk).update(is_superuser=True)
    reset(signed_in, bob)
    assert not Authenticator.objects.filter(user=bob).exists()


@pytest.mark.parametrize("role", ["intake", "approver", "auditor", "vendor manager"])
def test_no_other_role_resets(signed_in, anna, bob, role):
    anna.groups.set([Group.objects.get(name=role)])
    assert reset(signed_in, bob).status_code == 403
    assert Authenticator.objects.filter(user=bob).exists()


def test_resetting_takes_a_fresh_sign_in(signed_in, bob, turn_clock):
    turn_clock(timedelta(minutes=16))
    assert "Is it still you?" in reset(signed_in, bob).content.decode()
    assert Authenticator.objects.filter(user=bob).exists()


def test_no_migration_is_missing():
    call_command("makemigrations", "staff", check=True, dry_run=True, verbosity=0)
