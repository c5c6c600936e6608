import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse

from compliance.staff import tokens
from compliance.staff.models import User
from compliance.staff.site import SignInForm, Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> User:
    return tokens.issue("crm", ["cases:read"])[0].account


def sign_in(client, username: str, password: str):
    return client.post(reverse("admin:login"), {"username": username, "password": password})


def test_the_desks_own_site_is_the_admin(client):
    assert isinstance(admin.site, Site) or isinstance(admin.site._wrapped, Site)
    assert b"Erasure Desk" in client.get(reverse("admin:login")).content


def test_staff_sign_in(client):
    User.objects.create_user("anna", password="correct horse battery", is_staff=True)
    assert sign_in(client, "anna", "correct horse battery").status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_service_account_and_a_wrong_password_get_the_same_answer(client, service):
    User.objects.create_user("anna", password="correct horse battery", is_staff=True)
    answers = {
        str(sign_in(client, name, "something else").context["form"].non_field_errors())
        for name in ("crm", "anna", "nobody")
    }
    assert len(answers) == 1


def test_a_service_account_is_refused_even_with_the_right_password(service):
    with pytest.raises(Exception, match="correct username and password"):
        SignInForm().confirm_login_allowed(service)


def test_a_session_of_a_service_account_opens_no_page(client, service):
    client.force_login(service)
    assert client.get(reverse("admin:index")).status_code == 302


def test_the_site_itself_refuses_service_accounts():
    request = RequestFactory().get("/")
    request.user = User(is_active=True, is_staff=True, is_service=True)  # the database would refuse this row
    assert not Site().has_permission(request)
    request.user.is_service = False
    assert Site().has_permission(request)


def test_a_form_that_is_sent_after_the_session_has_ended_is_answered_in_words(client):
    answer = client.post(reverse("admin:password_change"), {"new_password1": "x"}, follow=True)
    assert "nothing of what you just sent was saved" in answer.content.decode()


def test_who_only_asks_for_a_page_is_not_told_of_anything_lost(client):
    answer = client.get(reverse("admin:password_change"), follow=True)
    assert "nothing of what you just sent" not in answer.content.decode()
