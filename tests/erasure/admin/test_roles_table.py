"""Every action by every role, allowed or refused, also by forged POST: the walk through `roles_table`."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from compliance.staff import tokens
from erasure.models import BulkRow
from erasure.states import RowResult
from tests.factories import person, vendor

from . import roles_table as table
from .roles_asked import Ask, somebody
from .roles_table import NEVER, OWN, ROLES, ROWS, WITHOUT, Row

EVERY = (*ROWS, *NEVER)
OUTSIDERS = ("a service account", "nobody signed in")


class Undone(transaction.Atomic):
    """What is done in it is taken back. A durable transaction may run in it, as in a test's own."""

    def __init__(self) -> None:
        super().__init__(None, savepoint=True, durable=False)
        self._from_testcase = True

    def __exit__(self, *how) -> None:
        transaction.set_rollback(True)
        super().__exit__(*how)


# --- the desk is set up and everybody signs in once: a client costs more than most of what it asks for


@pytest.fixture(scope="module")
def signed_in(django_db_setup, django_db_blocker) -> Iterator[dict[str, Client]]:
    with django_db_blocker.unblock(), Undone():
        vendor("Shop search")
        person("olive", "intake"), person("ada", "approver"), person("bob")
        clients = {who: Client() for who in (*ROLES, *OUTSIDERS)}
        for role in ROLES:
            clients[role].force_login(somebody(role))
        robot = tokens.issue("robot", ["cases:read", "cases:write", "cases:approve"])[0].account
        clients["a service account"].force_login(robot)
        clients["another site"] = Client(enforce_csrf_checks=True)  # whose page a superuser has open
        clients["another site"].cookies.load(clients["superuser"].cookies.output(header="", sep=";"))
        yield clients


@pytest.fixture(autouse=True)
def shop() -> None:
    """One for all, above."""


@pytest.fixture
def clients(signed_in, db, settings, tmp_path) -> Iterator[dict[str, Client]]:
    """As they were after signing in; what a test does is taken back."""
    settings.EVIDENCE_DIR = tmp_path
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"
    sessions = {who: client.cookies.get(settings.SESSION_COOKIE_NAME) for who, client in signed_in.items()}
    yield signed_in
    for who, client in signed_in.items():
        client.cookies.clear()
        if session := sessions[who]:
            client.cookies[session.key] = session.value


def send(client: Client, ask: Ask, role: str = ""):
    address = ask.own.get(role, ask.address)
    for value in (ask.data or {}).values():
        if hasattr(value, "seek"):
            value.seek(0)  # a file that was sent before
    answer = client.get(address) if ask.data is None else client.post(address, ask.data)
    if answer.streaming:
        b"".join(answer.streaming_content)
    return answer


TABLES = sorted(
    {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label != "sessions" and model._meta.managed
    }
)


def everything() -> dict[str, list[str]]:
    """All that is stored, but for who is signed in: table → its rows."""
    kept = {}
    with connection.cursor() as cursor:
        for name in TABLES:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
            kept[name] = sorted(map(repr, cursor.fetchall()))
    return kept


def changed(before: dict[str, list[str]]) -> set[str]:
    """The tables that are not as they were."""
    now = everything()
    return {name for name in TABLES if now[name] != before[name]}


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.key)
def test_who_may_does_it_and_who_may_not_leaves_no_trace(row: Row, clients):
    ask = row.ask()
    before = everything()
    for who in OUTSIDERS:
        answer = send(clients[who], ask)
        assert (answer.status_code, "/login/" in answer.get("Location", "")) == (302, True), who
    if ask.data is not None:
        assert send(clients["another site"], ask, "superuser").status_code == 403
    for role in ROLES:
        if not row.may(role):
            assert send(clients[role], ask, role).status_code in row.refused, role
    assert changed(before) == set(), "what was refused has left something behind"
    for role in ROLES:
        if row.may(role):
            with Undone():
                assert not (row.after and row.after())
                assert send(clients[role], ask, role).status_code in row.given, role
                if ask.data is not None:
                    was_done(row, before, role)


def was_done(row: Row, before: dict[str, list[str]], role: str) -> None:
    if row.leaves:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(row.leaves)}")
            assert cursor.fetchone()[0] > len(before[row.leaves]), f"{role}: nothing was done"
    if row.only:
        assert changed(before) <= set(row.only), f"{role}: more was changed"
    if row.after:
        assert row.after(), f"{role}: it was not done"


@pytest.mark.parametrize("key", OWN)
@pytest.mark.parametrize("role", ROLES)
def test_nobody_approves_what_is_their_own(key, role, clients):
    somebody(role)
    ask = OWN[key].ask(person(f"somebody-{role.split()[0]}", "intake", "approver"))
    before = everything()
    assert send(clients[role], ask).status_code in (200, 302)
    assert changed(before) == set(OWN[key].only)
    skipped = {RowResult.SKIPPED} if OWN[key].only else set()
    assert set(BulkRow.objects.values_list("result", flat=True)) == skipped


# --- nothing is missing


def named(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from named(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def test_every_address_of_the_admin_has_a_line():
    known = {row.address for row in EVERY} | set(WITHOUT)
    assert sorted(set(named(admin.site.get_urls())) - known) == [], "add a line to tests/erasure/admin/roles_table.py"
    assert sorted(known - set(named(admin.site.get_urls()))) == [], "there is no such address any more"


def test_every_deed_and_every_action_for_many_has_a_line():
    keys = {row.key for row in EVERY}
    actions = {
        f"{model._meta.app_label}_{model._meta.model_name}_changelist:{action}"
        for model, pages in admin.site._registry.items()
        for action in pages.actions or ()
    }
    assert sorted((table.deeds() | actions) - keys) == [], "add a line to tests/erasure/admin/roles_table.py"


def test_the_table_is_well_made():
    keys = [row.key for row in EVERY]
    assert len(set(keys)) == len(keys)
    assert [row.key for row in EVERY if not re.fullmatch(r"[I.][A.][U.][V.][M.][S.]", row.who)] == []
    assert set(OWN) <= set(keys)


def test_the_page_shows_the_table_as_it_is():
    assert table.as_markdown() in table.PAGE.read_text(encoding="utf-8"), (
        "renew it: manage.py shell -c 'from tests.erasure.admin.roles_table import write; write()'"
    )
