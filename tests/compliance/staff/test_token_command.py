import re

import pytest
from django.core.management import ManagementUtility

from compliance import clock
from compliance.staff import tokens
from compliance.staff.models import ServiceToken, User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def connection_of_the_test(monkeypatch):
    """A command run from a shell closes its connections at the end; here they are the test's own."""
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)


def run(*arguments: str) -> int:
    """`manage.py token …` up to the exit code that a shell would see."""
    try:
        ManagementUtility(["manage.py", "token", *arguments]).execute()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_create_prints_the_token_alone(capsys):
    assert run("create", "crm", "--scope", "cases:read", "--scope", "cases:write") == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"desk_[A-Za-z0-9_-]{43}\n", out)
    assert err == ""
    token = tokens.find(out.strip())
    assert token.account.username == "crm"
    assert token.scopes == ["cases:read", "cases:write"]
    assert token.expires_at is None


def test_a_token_can_expire():
    assert run("create", "crm", "--scope", "cases:read", "--expires-in-days", "30") == 0
    assert 29 <= (ServiceToken.objects.get().expires_at - clock.now()).days <= 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "crm", "--scope", "cases:erase"], "cases:approve"),
        (["create", "crm"], "--scope"),
        (["create", "--scope", "cases:read"], "account"),
        (["create", "crm", "--scope", "cases:read", "--expires-in-days", "0"], "from 1 to 36500"),
        (["create", "crm", "--scope", "cases:read", "--expires-in-days", "soon"], "from 1 to 36500"),
        ([], "create"),
    ],
)
def test_wrong_usage_exits_2_and_makes_nothing(arguments, said, capsys):
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert not User.objects.exists()


def test_a_persons_name_exits_1_with_one_line(capsys):
    User.objects.create_user("anna")
    assert run("create", "anna", "--scope", "cases:read") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "“anna” is a person's account" in err
