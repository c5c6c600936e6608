"""Fresh sign-in: what matters is done by somebody who has proven lately who they are."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, reverse
from django.views.decorators.csrf import ensure_csrf_cookie

from compliance.audit.models import Event
from compliance.staff import tokens
from compliance.staff.fresh import demand_fresh
from compliance.staff.models import ServiceToken, SignInLock, User
from tests.compliance.staff.signing_in import PASSWORD, code_of, errors_of, give_code, give_password, with_device

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
done: list[dict[str, object]] = []


@ensure_csrf_cookie
def deed(request):
    demand_fresh(request)
    files = {name: file.read() for name, file in request.FILES.items()}
    done.append({"method": request.method, **{name: request.POST.getlist(name) for name in request.POST}, **files})
    messages.info(request, "done")
    return HttpResponse("done")


urlpatterns = [path("deed/", deed), path("", include("compliance.urls"))]


@pytest.fixture(autouse=True)
def stopped(turn_clock) -> None:
    done.clear()
    turn_clock(timedelta())


@pytest.fixture
def anna(client) -> User:
    user = User.objects.create_superuser("anna", password=PASSWORD)
    client.force_login(user)
    return user


def carried(page) -> dict[str, list[str]]:
    """The hidden fields of the page, as a browser would post them."""
    html = page.content.decode()
    html = html[html.index('id="content-main"') :]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html):
        if name != "csrfmiddlewaretoken":
            found.setdefault(unescape(name), []).append(unescape(value))
    return found


def asks(page) -> bool:
    return page.status_code == 403 and "Is it still you?" in page.content.decode()


def test_right_after_a_sign_in_nothing_is_asked(client, anna):
    assert client.post("/deed/", {"a": "1"}).content == b"done"


@pytest.mark.parametrize(("minutes", "asked"), [(14, False), (15, True), (600, True)])
def test_after_fifteen_minutes_it_is_asked(client, anna, turn_clock, minutes, asked):
    turn_clock(timedelta(minutes=minutes))
    assert asks(client.post("/deed/")) is asked
    assert bool(done) is not asked


def test_a_proof_from_the_time_to_come_is_none(client, anna, turn_clock):
    turn_clock(timedelta(days=-1))
    assert asks(client.post("/deed/"))


def test_a_session_without_a_proof_is_asked(client, anna):
    session = client.session
    del session["staff_proven_at"]
    session.save()
    assert asks(client.post("/deed/"))


def test_whoever_confirms_has_done_the_very_same_post(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    posted = {"note": 'Two\r\nlines, "quoted" & <b>', "chosen": ["1", "2", "2"], "empty": ""}
    page = client.post("/deed/?from=here", posted)
    assert asks(page)
    assert 'action="/deed/?from=here"' in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert "quoted" not in str(dict(client.session.items())), "nothing is kept in the session"
    assert client.post("/deed/?from=here", {**carried(page), "fresh-password": PASSWORD}).content == b"done"
    assert done == [
        {"method": "POST", "note": [posted["note"]], "chosen": ["1", "2", "2"], "empty": [""]},
    ]
    assert Event.objects.filter(action="staff.confirmed", subject=f"user:{anna.pk}").count() == 1
    assert client.post("/deed/").content == b"done", "and is asked no more for a while"


def test_a_wrong_password_does_nothing_and_keeps_what_was_posted(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    page = client.post("/deed/", {"note": "kept"})
    again = client.post("/deed/", {**carried(page), "fresh-password": "hunter2"})
    assert asks(again)
    assert "The password is wrong. Nothing was done." in errors_of(again)
    assert carried(again) == carried(page)
    assert b"hunter2" not in again.content
    assert not done
    assert Event.objects.filter(action="staff.sign_in_failed", subject=f"user:{anna.pk}").exists()


def test_guessing_there_is_locked_like_anywhere(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    for _number in range(5):
        client.post("/deed/", {"fresh-asked": "1", "fresh-password": "wrong"})
    page = client.post("/deed/", {"fresh-asked": "1", "fresh-password": PASSWORD})
    assert "too many failed sign-ins" in errors_of(page)
    assert not done
    assert SignInLock.objects.filter(key=f"user:{anna.pk}", until__isnull=False).exists()


def test_a_page_that_asks_before_it_opens_is_opened_after_it(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    page = client.get("/deed/?a=1")
    assert asks(page)
    answer = client.post("/deed/?a=1", {**carried(page), "fresh-password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/deed/?a=1")
    assert not done
    assert client.get("/deed/?a=1").content == b"done"


def test_a_page_asked_for_again_after_a_wrong_password_still_opens(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    page = client.get("/deed/")
    again = client.post("/deed/", {**carried(page), "fresh-password": "wrong"})
    assert client.post("/deed/", {**carried(again), "fresh-password": PASSWORD}).status_code == 302
    assert not done


def test_files_are_to_be_chosen_again(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    page = client.post("/deed/", {"note": "n", "scan": SimpleUploadedFile("s.png", b"secret picture")})
    html = page.content.decode()
    assert "Choose the file again" in html
    assert 'enctype="multipart/form-data"' in html and '<input type="file" name="scan"' in html
    assert "secret picture" not in html
    again = {**carried(page), "fresh-password": PASSWORD, "scan": SimpleUploadedFile("s.png", b"picture")}
    assert client.post("/deed/", again).content == b"done"
    assert done == [{"method": "POST", "note": ["n"], "scan": b"picture"}]


def test_the_page_does_not_get_round_csrf(anna, turn_clock):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    turn_clock(timedelta(minutes=16))
    assert strict.post("/deed/", {"fresh-asked": "1", "fresh-password": PASSWORD}).status_code == 403
    assert not done


def test_with_a_second_factor_a_code_is_asked_too(client, anna, settings, turn_clock):
    settings.SECOND_FACTOR = True
    device, _codes = with_device(anna)
    client.logout()
    give_password(client)
    assert give_code(client, code_of(device)).status_code == 302
    assert client.post("/deed/").content == b"done"
    turn_clock(timedelta(minutes=16))
    done.clear()
    page = client.post("/deed/")
    assert 'name="fresh-code"' in page.content.decode()
    for given in ({}, {"fresh-code": ""}, {"fresh-code": "000"}):
        client.post("/deed/", {**carried(page), "fresh-password": PASSWORD, **given})
    client.post("/deed/", {**carried(page), "fresh-password": "wrong", "fresh-code": code_of(device)})
    assert not done
    assert (
        client.post("/deed/", {**carried(page), "fresh-password": PASSWORD, "fresh-code": code_of(device)}).content
        == b"done"
    )


def test_at_zero_minutes_each_deed_takes_its_own_proof(client, anna, settings):
    settings.FRESH_MINUTES = 0
    page = client.post("/deed/")
    assert asks(page)
    assert client.post("/deed/", {**carried(page), "fresh-password": PASSWORD}).content == b"done"
    assert asks(client.post("/deed/"))


def test_where_nothing_is_asked_what_is_carried_does_no_harm(client, anna):
    client.post("/deed/", {"a": "1", "fresh-asked": "1", "fresh-password": "x"})
    assert done == [{"method": "POST", "a": ["1"]}]


# --- the deeds of this room that ask (those of cases and vendors: tests/erasure/admin/test_fresh.py) ------------------


def test_revoking_a_token_asks(client, anna, turn_clock):
    token = tokens.issue("crm", ["cases:read"])[0]
    turn_clock(timedelta(minutes=16))
    given = {"action": "revoke", "_selected_action": [token.pk]}
    page = client.post(reverse("admin:staff_servicetoken_changelist"), given)
    assert asks(page)
    assert ServiceToken.objects.get().revoked_at is None
    client.post(reverse("admin:staff_servicetoken_changelist"), {**carried(page), "fresh-password": PASSWORD})
    assert ServiceToken.objects.get().revoked_at


def test_adding_a_person_asks_and_then_adds_them(client, anna, turn_clock):
    turn_clock(timedelta(minutes=16))
    new = {"username": "zoe", "password1": "another horse", "password2": "another horse", "usable_password": "true"}
    page = client.post(reverse("admin:staff_user_add"), new)
    assert asks(page)
    assert not User.objects.filter(username="zoe").exists()
    client.post(reverse("admin:staff_user_add"), {**carried(page), "fresh-password": PASSWORD})
    assert User.objects.filter(username="zoe").exists()


@pytest.mark.parametrize("name", ["staff_user_change", "auth_group_add", "auth_group_change"])
def test_changing_who_may_do_what_asks(client, anna, turn_clock, name):
    about = {"staff_user_change": anna.pk, "auth_group_change": Group.objects.get(name="intake").pk}.get(name)
    address = reverse(f"admin:{name}", args=[about] if about else [])
    assert client.post(address, {}).status_code == 200, "a form with errors"
    turn_clock(timedelta(minutes=16))
    assert asks(client.post(address, {}))
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("own", [True, False])
def test_a_new_password_asks(client, anna, turn_clock, own):
    bob = User.objects.create_user("bob", password=PASSWORD)
    turn_clock(timedelta(minutes=16))
    address = reverse("admin:password_change") if own else reverse("admin:auth_user_password_change", args=[bob.pk])
    assert asks(client.post(address, {"password1": "x"}))
