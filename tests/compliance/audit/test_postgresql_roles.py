"""deploy/postgresql-roles.sql on a real server: the application works, and cannot alter the past."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests import services
from tests.desk import OWN, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.postgresql_roles, pytest.mark.any_database]


@dataclass
class Roles:
    """Two roles and a database, and a desk's folder. `url` says how to connect as one of them."""

    folder: Path
    owner: str
    app: str
    database: str
    password: str

    def url(self, role: str) -> str:
        server = urlsplit(services.POSTGRESQL_URL)
        return f"postgres://{role}:{self.password}@{server.hostname}:{server.port or 5432}/{self.database}"

    def manage(self, role: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        rest = {name: value for name, value in os.environ.items() if name not in OWN}
        own = {
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": "a-key-for-tests-alone",
            "DATABASE_URL": self.url(role),
            "VENDOR_LOOPBACK": "1",
        }
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=rest | own,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0 or not check, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def shell(self, role: str, *lines: str) -> str:
        return self.manage(role, "shell", "-v0", "-c", "\n".join(lines)).stdout

    def grant(self, role: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs the file, for the application, as this role."""
        command = ["psql", "-X", "-q", self.url(role), "-v", f"app={self.app}", "-f", "deploy/postgresql-roles.sql"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or not check, done.stderr
        return done


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """Migrated by the owner, with the rights of the file."""
    mark = uuid.uuid4().hex[:12]
    made = Roles(
        tmp_path_factory.mktemp("desk"), f"desk_owner_{mark}", f"desk_app_{mark}", f"desk_{mark}", uuid.uuid4().hex
    )
    with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as server:
        names = {name: sql.Identifier(getattr(made, name)) for name in ("owner", "app", "database")}
        words = names | {"password": sql.Literal(made.password)}
        make = ["CREATE ROLE {owner} LOGIN PASSWORD {password}", "CREATE ROLE {app} LOGIN PASSWORD {password}"]
        # To give somebody a database one must be able to be them. This role is no superuser in CI.
        make += ["GRANT {owner} TO CURRENT_USER", "CREATE DATABASE {database} OWNER {owner}"]
        drop = [
            "DROP DATABASE IF EXISTS {database} WITH (FORCE)",
            "DROP ROLE IF EXISTS {app}",
            "DROP ROLE IF EXISTS {owner}",
        ]
        try:
            for statement in make:
                server.execute(sql.SQL(statement).format(**words))
            made.manage(made.owner, "migrate", "-v0")
            made.grant(made.owner)
            yield made
        finally:
            for statement in drop:
                server.execute(sql.SQL(statement).format(**words))


RECORD = [
    "from django.db import transaction",
    "from compliance.audit import seal",
    "from compliance.audit.record import record",
    "with transaction.atomic():",
    "    record('audit.exported', actor='system:test', format='csv', count=1)",
]
HOLDS = ["from tests.compliance.audit.whole import hold_together", "print(hold_together()[-1].size)"]


@pytest.fixture
def sealed(roles: Roles) -> Roles:
    """The application has sealed an event, and another one is pending."""
    roles.shell(roles.app, *RECORD, "assert seal.seal() >= 1", *RECORD)
    return roles


def test_the_application_records_and_seals(roles: Roles) -> None:
    printed = roles.shell(roles.app, *RECORD, "assert seal.seal() >= 1", *HOLDS)
    assert int(printed) >= 1


def test_the_application_does_its_work(roles: Roles) -> None:
    """A token, an account at a vendor, a case from its draft to its approval, the worker's look at the database."""
    roles.manage(roles.app, "check", "--database", "default")
    assert roles.manage(roles.app, "token", "create", "crm", "--scope", "cases:read").stdout.strip()
    made = ["from tests import factories", "factories.vendor()", "print(factories.approved_case().status)"]
    assert roles.shell(roles.app, *made).strip() == "in_progress"
    ready = ["from erasure.worker import sweep", "sweep.tick()", "from erasure.health import readyz"]
    assert '"status": "ok"' in roles.shell(roles.app, *ready, "print(readyz(None).content.decode())")
    roles.manage(roles.app, "export_audit", "--out", str(roles.folder / "trail.csv"))
    assert "case.approved" in (roles.folder / "trail.csv").read_text()


REFUSED = [
    "UPDATE audit_event SET actor = 'user:1'",
    "UPDATE audit_event SET actor = actor WHERE false",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event CASCADE",
    "INSERT INTO audit_checkpoint SELECT * FROM audit_checkpoint ON CONFLICT (size) DO UPDATE SET root = ''",
    "UPDATE audit_leaf SET event_id = event_id",
    "UPDATE audit_checkpoint SET note = ''",
    "DELETE FROM audit_logkey",
    "DELETE FROM audit_subtree",
    "DELETE FROM audit_anchor",
    "TRUNCATE audit_pendingevent",
    "UPDATE audit_pendingevent SET event_id = event_id",
    "SELECT * FROM audit_event FOR UPDATE",
    "DROP TRIGGER audit_event_no_update ON audit_event",
    "ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_update",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "ALTER TABLE audit_event RENAME TO audit_past",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE RULE mine AS ON UPDATE TO audit_event DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "ALTER FUNCTION audit_refuse() RENAME TO audit_refused",
    "DROP FUNCTION audit_refuse() CASCADE",
    "DROP TABLE audit_event CASCADE",
    "DROP SCHEMA public CASCADE",
    "CREATE TABLE mine () INHERITS (audit_event)",
    "CREATE TEMPORARY TABLE audit_leaf (event_id bigint)",
    "SET session_replication_role = replica",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "GRANT {owner} TO {app}",
    "ALTER ROLE {app} SUPERUSER",
    "ALTER ROLE {owner} PASSWORD 'mine'",
    "ALTER DATABASE {database} OWNER TO {app}",
    "DROP DATABASE {database}",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "BEGIN; LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE",
    "UPDATE django_migrations SET name = name",
]


def test_whatever_the_application_tries_the_past_stays(sealed: Roles) -> None:
    names = {name: getattr(sealed, name) for name in ("owner", "app", "database")}
    done = []
    with psycopg.connect(sealed.url(sealed.app), autocommit=True) as application:
        for statement in REFUSED:
            try:
                application.execute(statement.format(**names))
            except psycopg.errors.InsufficientPrivilege:
                application.rollback()
                continue
            done.append(statement)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="not sealed"):
            application.execute("DELETE FROM audit_pendingevent")
        application.execute(f"GRANT ALL ON audit_event TO {sealed.app}")  # a warning, and no more than it has
    assert done == []
    assert sealed.shell(sealed.app, "from compliance.audit.checks import powers", "print(powers())") == "[]\n"
    assert int(sealed.shell(sealed.app, *HOLDS)) >= 1
    assert sealed.shell(sealed.app, "from compliance.audit.checks import unprotected", "print(unprotected())") == "\n"


def test_the_deployment_check_knows_the_one_from_the_other(roles: Roles) -> None:
    check = ("check", "--deploy", "--database", "default")
    assert "audit.W003" not in roles.manage(roles.app, *check).stderr
    said = roles.manage(roles.owner, *check).stderr
    assert "audit.W003" in said
    assert "owns the table audit_event" in said
    with psycopg.connect(roles.url(roles.owner), autocommit=True) as owner:
        owner.execute(sql.SQL("GRANT UPDATE (note) ON audit_checkpoint TO {}").format(sql.Identifier(roles.app)))
        try:
            assert "could alter the past of the trail: it may UPDATE audit_checkpoint." in roles.manage(
                roles.app, *check
            ).stderr.replace("\n", " ")
        finally:
            roles.grant(roles.owner)  # takes it back
    assert "audit.W003" not in roles.manage(roles.app, *check).stderr


def test_a_table_of_a_later_release_cannot_be_changed_before_the_file_has_run_again(roles: Roles) -> None:
    def may(table: str) -> list[str]:
        with psycopg.connect(roles.url(roles.app)) as application:
            rights = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"]
            asked = "SELECT has_table_privilege(%s, %s)"
            return [right for right in rights if application.execute(asked, [table, right]).fetchone()[0]]

    with psycopg.connect(roles.url(roles.owner), autocommit=True) as owner:
        owner.execute("CREATE TABLE audit_later (id bigint); CREATE TABLE erasure_later (id bigserial)")
        try:
            assert may("audit_later") == may("erasure_later") == ["SELECT", "INSERT"]
            roles.grant(roles.owner)
            assert may("audit_later") == ["SELECT", "INSERT"]
            assert may("erasure_later") == ["SELECT", "INSERT", "UPDATE", "DELETE"]
        finally:
            owner.execute("DROP TABLE audit_later, erasure_later")


def test_the_file_refuses_an_application_that_could_become_the_owner(roles: Roles) -> None:
    refused = roles.grant(roles.app, check=False)
    assert (refused.returncode, "could alter the past" in refused.stderr) == (3, True)
    both = {"owner": sql.Identifier(roles.owner), "app": sql.Identifier(roles.app)}
    with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as server:
        server.execute(sql.SQL("GRANT {owner} TO {app}").format(**both))
        try:
            refused = roles.grant(roles.owner, check=False)
            assert "audit.W003" in roles.manage(roles.app, "check", "--deploy", "--database", "default").stderr
        finally:
            server.execute(sql.SQL("REVOKE {owner} FROM {app}").format(**both))
        assert (refused.returncode, "could alter the past" in refused.stderr) == (3, True)
        server.execute(sql.SQL("ALTER ROLE {app} CREATEROLE").format(**both))
        try:
            refused = roles.grant(roles.owner, check=False)
        finally:
            server.execute(sql.SQL("ALTER ROLE {app} NOCREATEROLE").format(**both))
    assert (refused.returncode, "power over the whole server" in refused.stderr) == (3, True)


def test_the_application_that_tries_to_migrate_reads_that_it_is_not_the_owner(roles: Roles) -> None:
    """Where nothing is to be done it may; where triggers are to be made again it may not."""
    roles.manage(roles.app, "migrate", "-v0")
    with psycopg.connect(roles.url(roles.owner), autocommit=True) as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_update")
    done = roles.manage(roles.app, "migrate", "-v0", check=False)
    assert done.returncode == 1
    assert "must be owner" in done.stderr
    assert "as the owner of the tables" in done.stderr
    assert "Traceback" not in done.stderr
    assert "No worker was started" in roles.manage(roles.app, "work", check=False).stderr
    roles.manage(roles.owner, "migrate", "-v0")
    assert roles.shell(roles.app, "from compliance.audit.checks import unprotected", "print(unprotected())") == "\n"
