import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from compliance.audit.models import Event
from compliance.staff import tokens
from compliance.staff.models import ServiceToken, User

pytestmark = pytest.mark.django_db


def test_the_text_is_returned_once_and_only_its_digest_is_kept():
    token, text = tokens.issue("crm", ["cases:read", "cases:write"])
    assert re.fullmatch(r"desk_[A-Za-z0-9_-]{43}", text)
    row = ServiceToken.objects.values().get()
    assert text not in str(row)
    assert text[5:] not in str(row)
    assert row["hint"] == text[-4:]
    assert row["scopes"] == ["cases:read", "cases:write"]
    assert tokens.find(text) == token


def test_the_account_is_made_without_a_password_and_used_again():
    first, _ = tokens.issue("crm", ["cases:read"])
    second, _ = tokens.issue("crm", ["cases:approve"])
    assert first.account == second.account
    assert first.account.is_service
    assert not first.account.has_usable_password()


def test_a_persons_account_gets_no_token():
    User.objects.create_user("anna")
    with pytest.raises(tokens.NotIssued, match="“anna” is a person's account"):
        tokens.issue("anna", ["cases:read"])
    assert not ServiceToken.objects.exists()


def test_an_inactive_account_gets_no_token():
    tokens.issue("crm", ["cases:read"])
    User.objects.update(is_active=False)
    with pytest.raises(tokens.NotIssued, match="inactive"):
        tokens.issue("crm", ["cases:read"])


@pytest.mark.parametrize("name", ["", "two words", "x" * 151, "line\nbreak"])
def test_a_name_that_no_account_can_have_is_refused(name):
    with pytest.raises(tokens.NotIssued, match="cannot be an account's name"):
        tokens.issue(name, ["cases:read"])
    assert not User.objects.exists()


@pytest.mark.parametrize("scopes", [[], ["cases:read", "cases:erase"]])
def test_a_token_needs_known_scopes(scopes):
    with pytest.raises(tokens.NotIssued, match="cases:read, cases:write"):
        tokens.issue("crm", scopes)
    assert not User.objects.exists()


def test_an_expiry_past_the_calendar_is_refused():
    with pytest.raises(tokens.NotIssued, match="too far ahead"):
        tokens.issue("crm", ["cases:read"], timedelta(days=999_999_999))


def test_a_token_ends_at_its_expiry(turn_clock):
    _token, text = tokens.issue("crm", ["cases:read"], timedelta(days=30))
    turn_clock(timedelta(days=29, hours=23))
    assert tokens.find(text)
    turn_clock(timedelta(hours=1, seconds=1))
    assert tokens.find(text) is None


def test_a_revoked_token_is_not_found_and_the_others_are():
    first, first_text = tokens.issue("crm", ["cases:read"])
    _second, second_text = tokens.issue("crm", ["cases:read"])
    assert tokens.revoke(first, actor="user:1")
    assert tokens.find(first_text) is None
    assert tokens.find(second_text)
    assert not tokens.revoke(first, actor="user:1")


def test_tokens_of_a_deactivated_account_are_not_found():
    _token, text = tokens.issue("crm", ["cases:read"])
    User.objects.update(is_active=False)
    assert tokens.find(text) is None


@pytest.mark.parametrize("text", ["", "desk_", "desk_" + "A" * 43, "ü\udc80"])
def test_a_text_that_is_no_token_is_not_found(text):
    tokens.issue("crm", ["cases:read"])
    assert tokens.find(text) is None


def test_a_use_is_noted_once_a_minute(turn_clock, django_assert_num_queries):
    _token, text = tokens.issue("crm", ["cases:read"])
    start = turn_clock(timedelta())
    assert tokens.find(text).last_used_at == start
    turn_clock(timedelta(seconds=59))
    with django_assert_num_queries(1):
        assert tokens.find(text).last_used_at == start
    later = turn_clock(timedelta(seconds=1))
    tokens.find(text)
    assert ServiceToken.objects.get().last_used_at == later


def test_issue_and_revoke_stand_in_the_trail_without_the_token():
    token, text = tokens.issue("crm", ["cases:read"], timedelta(days=1))
    tokens.revoke(token, actor="user:7")
    issued, revoked = Event.objects.filter(subject=f"token:{token.pk}").order_by("pk")
    assert (issued.action, issued.actor) == ("token.issued", "system:command")
    assert (revoked.action, revoked.actor) == ("token.revoked", "user:7")
    assert f'"account":"user:{token.account_id}"' in issued.canonical
    assert text[5:] not in issued.canonical + revoked.canonical
    assert "crm" not in issued.canonical


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {"password": "md5$salt$hash"}])
def test_the_database_refuses_a_service_account_that_could_sign_in(change):
    tokens.issue("crm", ["cases:read"])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.update(**change)
