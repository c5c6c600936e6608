"""Signing in with an identity provider."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff.models import ProviderAccount, User
from tests.compliance.staff.provider import CLIENT, SECRET, Provider
from tests.compliance.staff.signing_in import PASSWORD, SET_UP_PAGE, code_of, give_code, with_device, wrong_code_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    running = Provider()
    settings.OIDC_ISSUER, settings.OIDC_PROVIDER_NAME = running.issuer, "Example ID"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
    settings.OIDC_ROLES = [("privacy", "intake"), ("privacy leads", "approver"), ("privacy leads", "auditor")]
    yield running
    running.stop()


def sign_in(client: Client, provider: Provider, query: str = ""):
    begun = client.get(f"{reverse('admin:oidc_begin')}{query}")
    assert begun.status_code == 302
    return client.get(provider.authorize(begun["Location"]))


def opens(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


def roles(name: str = "anna") -> list[str]:
    return sorted(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_somebody_with_a_role_signs_in_and_gets_an_account(client, provider):
    answer = sign_in(client, provider, "?next=/admin/erasure/case/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/erasure/case/")
    assert opens(client)
    anna = User.objects.get(username="anna")
    assert (anna.is_staff, anna.is_superuser, anna.has_usable_password()) == (True, False, False)
    assert roles() == ["intake"]
    told = list(Event.objects.filter(subject=f"user:{anna.pk}").order_by("id").values_list("action", "actor"))
    assert told == [
        ("user.added", "system:oidc"),
        ("user.roles_given", "system:oidc"),
        ("staff.signed_in", f"user:{anna.pk}"),
    ]


def test_a_next_that_is_no_address_of_a_page_does_not_end_in_an_error(client, provider):
    answer = sign_in(client, provider, "?next=nowhere")
    assert (answer.status_code, answer["Location"]) == (302, "nowhere")


def test_what_the_provider_is_asked(client, provider):
    sign_in(client, provider)
    asked = provider.asked
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert asked["redirect_uri"] == "http://testserver/admin/oidc/done/"
    assert len(asked["state"]) >= 20 and len(asked["nonce"]) >= 20 and len(asked["code_challenge"]) == 43


def test_roles_are_mapped_anew_each_time(client, provider):
    sign_in(client, provider)
    provider.claims = {"groups": ["privacy leads", "canteen"]}
    sign_in(Client(), provider)
    assert roles() == ["approver", "auditor"]
    provider.claims = {"groups": "privacy"}
    sign_in(Client(), provider)
    assert roles() == ["intake"]
    events = Event.objects.filter(action__startswith="user.roles").order_by("id")
    assert [(event.action.rpartition("_")[2], sorted(event.details["roles"])) for event in events] == [
        ("given", ["intake"]),
        ("taken", ["intake"]),
        ("given", ["approver", "auditor"]),
        ("taken", ["approver", "auditor"]),
        ("given", ["intake"]),
    ]


@pytest.mark.parametrize("groups", [None, [], ["canteen"], [1, None, ["privacy"]], "canteen", 5, {"privacy": 1}])
def test_without_a_role_nobody_gets_in_and_no_account_is_made(client, provider, groups):
    provider.claims = {"groups": groups}
    answer = sign_in(client, provider)
    assert answer.status_code == 403
    assert "None of your groups" in answer.content.decode()
    assert not opens(client)
    assert not User.objects.exists()


def test_whoever_has_lost_every_role_there_has_none_here(client, provider):
    sign_in(client, provider)
    provider.claims = {"groups": []}
    assert sign_in(Client(), provider).status_code == 403
    assert roles() == []
    assert client.get(reverse("admin:erasure_case_changelist")).status_code == 403


@pytest.mark.parametrize("switch", ["is_active", "is_staff"])
def test_a_deactivated_account_stays_refused(client, provider, switch):
    sign_in(client, provider)
    User.objects.filter(username="anna").update(**{switch: False})
    other = Client()
    answer = sign_in(other, provider)
    assert answer.status_code == 403
    assert "deactivated" in answer.content.decode()
    assert not opens(other)
    assert not getattr(User.objects.get(username="anna"), switch)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": ["person-1"]},
        {"iat": int(time.time()) + 10 * 365 * 86_400},  # whenever the test's turn comes
        {"azp": "another"},
    ],
    ids=lambda wrong: " ".join(wrong),
)
def test_a_token_that_says_something_wrong_lets_nobody_in(client, provider, wrong):
    provider.claims = wrong
    answer = sign_in(client, provider)
    assert answer.status_code == 403
    assert "You were not signed in" in answer.content.decode()
    assert not opens(client)
    assert not User.objects.exists()


def test_a_token_signed_with_another_key_lets_nobody_in(client, provider):
    provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert sign_in(client, provider).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256"])
def test_an_unsigned_token_lets_nobody_in_even_if_the_provider_supports_that(client, provider, algorithm):
    provider.header, provider.unsigned = {"alg": algorithm}, True
    assert sign_in(client, provider).status_code == 403
    assert not User.objects.exists()


def test_a_provider_that_gives_another_issuer_is_not_asked(client, provider):
    provider.metadata = {"issuer": "https://evil.example"}
    answer = client.get(reverse("admin:oidc_begin"))
    assert answer.status_code == 403
    assert "OIDC_ISSUER" in answer.content.decode()


def test_an_answer_to_another_session_or_a_second_time_lets_nobody_in(client, provider):
    back = provider.authorize(client.get(reverse("admin:oidc_begin"))["Location"])
    stranger = Client()
    assert stranger.get(back).status_code == 403
    assert not opens(stranger)
    assert client.get(back).status_code == 302
    assert Client().get(back).status_code == 403
    again = Client()
    back = provider.authorize(again.get(reverse("admin:oidc_begin"))["Location"])
    assert again.get(f"{back}x").status_code == 403, "another state"


def test_what_the_provider_refuses_is_told(client, provider):
    client.get(reverse("admin:oidc_begin"))
    answer = client.get(reverse("admin:oidc_done"), {"error": "access_denied", "error_description": "<script>"})
    assert answer.status_code == 403
    assert b"<script>" not in answer.content.replace(b"<script src=", b"")


def test_a_provider_that_is_down_is_told(client, provider, settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:1"
    answer = client.get(reverse("admin:oidc_begin"))
    assert answer.status_code == 403
    assert "could not be reached" in answer.content.decode()


# --- whose account it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("superuser", [False, True])
def test_an_account_with_a_password_is_not_taken_over_by_its_name(client, provider, superuser):
    anna = User.objects.create_user("anna", password=PASSWORD, is_staff=True, is_superuser=superuser)
    answer = sign_in(client, provider)
    assert answer.status_code == 403
    assert "does not belong to the identity provider" in answer.content.decode()
    assert not opens(client)
    assert not anna.groups.exists()


def test_an_account_made_here_without_a_password_is_theirs(client, provider):
    anna = User.objects.create_user("anna", is_staff=True)
    sign_in(client, provider)
    assert ProviderAccount.objects.get().user == anna
    assert opens(client)


def test_a_person_is_known_by_subject_and_not_by_name(client, provider):
    sign_in(client, provider)
    provider.claims = {"preferred_username": "anna-married"}
    sign_in(Client(), provider)
    assert User.objects.get().username == "anna"
    provider.claims = {"sub": "person-2"}
    other = Client()
    assert sign_in(other, provider).status_code == 403, "the name is somebody else's"
    assert not opens(other)


@pytest.mark.parametrize("name", [None, "", "a b", "x" * 151, {"a": 1}])
def test_a_name_that_cannot_be_one_is_refused_in_words(client, provider, name):
    provider.claims = {"preferred_username": name}
    answer = sign_in(client, provider)
    assert answer.status_code == 403
    assert "cannot be the name of an account" in answer.content.decode()
    assert not User.objects.exists()


def test_somebody_else_who_was_signed_in_is_signed_out(client, provider):
    bob = User.objects.create_superuser("bob", password=PASSWORD)
    client.force_login(bob)
    sign_in(client, provider)
    assert client.session["_auth_user_id"] == str(User.objects.get(username="anna").pk)


# --- second factor and fresh sign-in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "counts"),
    [
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "mfa"}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": [["mfa"]], "acr": ["mfa"]}, True),
        ({"amr": [5, ["mfa"]], "acr": 5}, False),
        ({}, False),
    ],
)
def test_the_providers_second_factor_counts_only_if_it_says_so(client, provider, settings, claims, counts):
    settings.SECOND_FACTOR, settings.OIDC_SECOND_FACTOR = True, ["mfa"]
    provider.claims = claims
    sign_in(client, provider)
    assert opens(client) is counts
    if not counts:
        assert client.get(reverse("admin:index"), follow=True).request["PATH_INFO"] == SET_UP_PAGE


def test_a_later_sign_in_without_it_does_not_inherit_it(client, provider, settings):
    settings.SECOND_FACTOR, settings.OIDC_SECOND_FACTOR = True, ["mfa"]
    provider.claims = {"amr": ["mfa"]}
    sign_in(client, provider)
    provider.claims = {"amr": ["pwd"]}
    sign_in(client, provider)
    assert not opens(client)


def test_without_the_setting_the_providers_word_does_not_count(client, provider, settings):
    settings.SECOND_FACTOR = True
    provider.claims = {"amr": ["mfa"], "acr": None}
    sign_in(client, provider)
    assert not opens(client)


def make_stale(client: Client) -> None:
    session = client.session
    session["staff_proven_at"] -= 3600
    session.save()


def test_who_has_no_password_here_confirms_at_the_provider(client, provider):
    provider.claims = {"groups": ["privacy leads"]}
    sign_in(client, provider)
    User.objects.update(is_superuser=True)
    make_stale(client)
    given = {"action": "revoke", "_selected_action": ["1"]}
    page = client.post(reverse("admin:staff_servicetoken_changelist"), given)
    html = page.content.decode()
    assert page.status_code == 403
    assert "/admin/oidc/begin/?again=1" in html and "fresh-password" not in html
    refused = client.post(reverse("admin:staff_servicetoken_changelist"), {**given, "fresh-asked": "1"})
    assert refused.status_code == 403

    answer = sign_in(client, provider, "?again=1")
    assert (provider.asked["prompt"], provider.asked["max_age"]) == ("login", "0")
    assert "You have confirmed who you are" in answer.content.decode()
    done = client.post(reverse("admin:staff_servicetoken_changelist"), {**given, "fresh-asked": "1"})
    assert done.status_code == 302


@pytest.mark.parametrize("claims", [{"auth_time": int(time.time()) - 3600}, {"auth_time": None}])
def test_a_sign_in_for_which_the_provider_asked_nobody_is_no_proof_of_now(client, provider, claims):
    provider.claims = {"groups": ["privacy leads"], **claims}
    sign_in(client, provider)
    assert int(provider.asked["max_age"]) > 0, "so that the provider says when it has asked"
    User.objects.update(is_superuser=True)
    given = {"action": "revoke", "_selected_action": ["1"]}
    assert client.post(reverse("admin:staff_servicetoken_changelist"), given).status_code == 403
    sign_in(client, provider)
    assert client.post(reverse("admin:staff_servicetoken_changelist"), given).status_code == 403, "nor twice"
    provider.claims = {"groups": ["privacy leads"]}
    sign_in(client, provider, "?again=1")
    assert client.post(reverse("admin:staff_servicetoken_changelist"), given).status_code == 302


def test_who_signed_in_with_a_code_too_confirms_with_one_too(client, provider, settings):
    settings.SECOND_FACTOR = True
    provider.claims = {"groups": ["privacy leads"]}
    anna = User.objects.create_user("anna", is_staff=True)
    device, _codes = with_device(anna)
    sign_in(client, provider)
    assert give_code(client, code_of(device)).status_code == 302
    User.objects.update(is_superuser=True)
    make_stale(client)
    address = reverse("admin:staff_servicetoken_changelist")
    given = {"action": "revoke", "_selected_action": ["1"], "fresh-asked": "1"}
    page = client.post(address, given)
    assert 'name="fresh-code"' in page.content.decode() and "again=1" in page.content.decode()
    answer = client.post(address, {**given, "fresh-code": code_of(device, steps=1)})
    assert "has not asked you again" in answer.content.decode()
    sign_in(client, provider, "?again=1")
    assert client.post(address, given).status_code == 403, "the provider's word alone"
    answer = client.post(address, {**given, "fresh-code": wrong_code_of(device)})
    assert "The code is wrong" in answer.content.decode()
    assert client.post(address, {**given, "fresh-code": code_of(device, steps=1)}).status_code == 302


def test_where_it_is_asked_each_time_a_proof_at_the_provider_still_serves_for_the_way_back(client, provider, settings):
    settings.FRESH_MINUTES = 0
    provider.claims = {"groups": ["privacy leads"]}
    sign_in(client, provider)
    User.objects.update(is_superuser=True)
    given = {"action": "revoke", "_selected_action": ["1"]}
    assert client.post(reverse("admin:staff_servicetoken_changelist"), given).status_code == 302
    make_stale(client)
    assert client.post(reverse("admin:staff_servicetoken_changelist"), given).status_code == 403


@pytest.mark.parametrize("claims", [{"sub": "person-2"}, {"auth_time": None}, {"auth_time": int(time.time()) - 3600}])
def test_a_confirmation_is_of_the_same_person_and_of_now(client, provider, claims):
    sign_in(client, provider)
    make_stale(client)
    before = client.session["staff_proven_at"]
    provider.claims = claims
    assert sign_in(client, provider, "?again=1").status_code == 403
    assert client.session["staff_proven_at"] == before


# --- off --------------------------------------------------------------------------------------------------------------


def test_without_an_issuer_there_is_no_such_page_and_no_link(client):
    for name in ("admin:oidc_begin", "admin:oidc_done"):
        assert client.get(reverse(name)).status_code == 404
    assert "/oidc/" not in client.get(reverse("admin:login")).content.decode()


def test_the_sign_in_page_leads_to_the_provider_and_keeps_passwords(client, provider):
    User.objects.create_user("root", password=PASSWORD, is_staff=True)
    page = client.get(reverse("admin:login"), {"next": "/admin/erasure/case/"}).content.decode()
    assert "Sign in with Example ID" in page
    assert 'href="/admin/oidc/begin/?next=/admin/erasure/case/"' in page
    assert client.post(reverse("admin:login"), {"username": "root", "password": PASSWORD}).status_code == 302


def test_where_it_is_off_the_extra_is_not_imported():
    code = (
        "import os, sys; sys.modules['authlib'] = None; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup(); import compliance.urls; from compliance.staff import oidc, pages"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_roles_that_no_group_has_are_ignored(client, provider, settings):
    settings.OIDC_ROLES = [("privacy", "no such role")]
    assert sign_in(client, provider).status_code == 403
    assert not Group.objects.filter(name="no such role").exists()
