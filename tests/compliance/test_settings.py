"""What the environment may say, and what a bad value says back. Each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import certifi
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = "from django.conf import settings as s; print(eval('''{}''', {{'s': s}}))"


def start(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """manage.py with nothing in its environment but what is given."""
    base = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=base | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def shown(folder: Path, expression: str, **environment: str) -> str:
    """A settings expression (`s` is the settings) as a desk with this environment has it."""
    environment = {"SECRET_KEY": "x" * 50} | environment
    done = start(folder, "shell", "-v0", "-c", SHOW.format(expression), **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("DEBUG", "perhaps"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("REGIMES", "own: 60 days"),
        ("REGIMES", '{"own": {"days": 0}}'),
        ("STANDING_RECIPIENTS", "Ad network; ad Network"),
        ("STANDING_RECIPIENTS", "x" * 201),
        ("DATABASE_URL", "not-a-url"),
        ("DATABASE_URL", "mysql://root@127.0.0.1/desk"),
        ("DISPATCH_DELAY_MINUTES", "soon"),
        ("DISPATCH_DELAY_MINUTES", "-1"),
        ("REMINDERS", "14 days"),
        ("ESCALATION_DAYS", "soon"),
        ("REMINDERS", "7, -1"),
        ("ALLOWED_HOSTS", "https://desk.example.org"),
        ("ALLOWED_HOSTS", "desk.example.org:8443"),
        ("ALLOWED_HOSTS", "desk.example.org other.example"),
        ("ALLOWED_HOSTS", "*.example.org"),
        ("ALLOWED_HOSTS", "::1"),
        ("TRUSTED_PROXIES", "the proxy"),
        ("CSRF_TRUSTED_ORIGINS", "desk.example.org"),
        ("CACHE_URL", "what://ever"),
        ("QUEUE_BROKER", "rabbit"),
        ("VENDOR_LOOPBACK", "2"),
        ("VENDOR_PROXY", "proxy:3128"),
        ("VENDOR_CA_BUNDLE", "/no/such/file.pem"),
        ("EMAIL_URL", "pigeon://loft"),
        ("LETTERS_FROM", "the office"),
        ("LETTERS_FROM", "privacy@example.org, it@example.org"),
        ("LETTERS_FROM", "Privacy <privacy@example.org>\nBcc: eve@example.org"),
        ("VENDOR_HOSTS", "https://api.shop.example"),
        ("VENDOR_HOSTS", "api.shop.example/v1"),
        ("VENDOR_HOSTS", "api.shop.example:8443"),
        ("VENDOR_HOSTS", "api.shop.example other.example"),
        ("VENDOR_HOSTS", "api.*.example"),
        ("VENDOR_HOSTS", "*shop.example"),
        ("VENDOR_HOSTS", "10.0.0.300"),
        ("AUDIT_ANCHOR", "/mnt/elsewhere"),
        ("AUDIT_ANCHOR", "file://elsewhere/folder"),
        ("AUDIT_ANCHOR", "file:////"),
        ("AUDIT_ANCHOR", "file:///mnt/elsewhere?x=y"),
        ("AUDIT_ANCHOR", "file:///mnt/a%0Ab"),
        ("AUDIT_ANCHOR", "http://hooks.example/s3cret"),
        ("AUDIT_ANCHOR", "http://127.0.0.1/s3cret"),
        ("AUDIT_ANCHOR", "https:///s3cret"),
        ("AUDIT_ANCHOR", "https://hooks.example:99999/"),
        ("AUDIT_ANCHOR", "file:///mnt/elsewhere, https://hooks.example/a b"),
        ("AUDIT_ANCHOR", "s3://bucket"),
        ("AUDIT_ANCHOR_MINUTES", "-1"),
        ("AUDIT_ANCHOR_MINUTES", "often"),
        ("AUDIT_TIMESTAMP_URL", "tsa.example"),
        ("AUDIT_TIMESTAMP_URL", "http://tsa.example/tsr"),
        ("AUDIT_TIMESTAMP_URL", "file:///tsa"),
        ("AUDIT_TIMESTAMP_CA", "/no/such/file.pem"),
        ("AUDIT_TIMESTAMP_CA", "/dev/null"),
        ("HTTPS_REDIRECT", "always"),
        ("HSTS_DAYS", "-1"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("SECOND_FACTOR", "perhaps"),
        ("FRESH_MINUTES", "-1"),
        ("OIDC_ISSUER", "id.example"),
        ("OIDC_ISSUER", "http://id.example"),
        ("OIDC_ROLES", "intake"),
        ("OIDC_ROLES", "=intake"),
        ("ALERTS_TO", "the office"),
        ("ALERTS_TO", "Ada <ada@desk.example>"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line_that_names_the_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    done = start(tmp_path, "check", **({"SECRET_KEY": "x" * 50} | {name: value}))
    assert done.returncode == 1
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert not value or value not in done.stderr or name == "SECRET_KEY", "a bad value may be a secret"


def test_a_data_dir_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start(tmp_path / "file" / "below", "check", SECRET_KEY="x" * 50)
    assert done.returncode == 1
    assert done.stderr.startswith("Erasure Desk cannot start: DATA_DIR must be")


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("Europe/Berlin\n")
    assert shown(tmp_path, "s.TIME_ZONE", TIME_ZONE_FILE=str(tmp_path / "zone")) == "Europe/Berlin"


def test_a_file_that_is_missing_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = start(tmp_path, "check", SECRET_KEY_FILE=str(tmp_path / "missing"))
    assert done.returncode == 1
    assert "SECRET_KEY" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_file_that_is_no_text_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    done = start(tmp_path, "check", SECRET_KEY_FILE=str(tmp_path / "key"))
    assert done.returncode == 1
    assert done.stderr == "Erasure Desk cannot start: SECRET_KEY_FILE must name a file of text in UTF-8.\n"


def test_hosts_and_addresses_are_taken_as_they_are_meant(tmp_path: Path) -> None:
    given = {
        "ALLOWED_HOSTS": "desk.example.org, .example.net,127.0.0.1,[::1], desk_host",
        "VENDOR_HOSTS": "api.shop.example, *.agilone.com,203.0.113.7,[2001:db8::1], my_host",
        "ALERTS_TO": "ada@desk.example, root@localhost",
    }
    assert shown(tmp_path, "(s.ALLOWED_HOSTS, s.VENDOR_HOSTS, s.ALERTS_TO)", **given) == (
        "(['desk.example.org', '.example.net', '127.0.0.1', '[::1]', 'desk_host'], "
        "['api.shop.example', '*.agilone.com', '203.0.113.7', '[2001:db8::1]', 'my_host'], "
        "['ada@desk.example', 'root@localhost'])"
    )


def test_places_for_checkpoints_are_taken_as_they_are_meant(tmp_path: Path) -> None:
    given = {
        "AUDIT_ANCHOR": "file:///mnt/else%20where, https://u:p@hooks.example:8443/x?y=z,http://localhost:9/x",
        "AUDIT_ANCHOR_MINUTES": "0",
        "AUDIT_TIMESTAMP_URL": "http://tsa.example/tsr",
        "AUDIT_TIMESTAMP_CA": certifi.where(),
        "VENDOR_LOOPBACK": "1",
    }
    expression = "(s.AUDIT_ANCHOR, s.AUDIT_ANCHOR_MINUTES, s.AUDIT_TIMESTAMP_URL, s.AUDIT_TIMESTAMP_CA)"
    assert shown(tmp_path, expression, **given) == (
        "(['file:///mnt/else%20where', 'https://u:p@hooks.example:8443/x?y=z', 'http://localhost:9/x'], 0, "
        f"'http://tsa.example/tsr', '{certifi.where()}')"
    )
    assert shown(tmp_path, expression) == "([], 10, None, None)"


@pytest.mark.parametrize(
    ("environment", "required"),
    [
        ({}, "True"),
        ({"DEBUG": "1"}, "False"),
        ({"SECOND_FACTOR": "0"}, "False"),
        ({"ERASURE_DESK_DEMO": "demo"}, "False"),
    ],
)
def test_a_second_factor_is_required_but_for_trying_out(
    tmp_path: Path, environment: dict[str, str], required: str
) -> None:
    assert shown(tmp_path, "s.SECOND_FACTOR", **environment) == required


def test_an_identity_provider_is_given_whole_or_not_at_all(tmp_path: Path) -> None:
    given = {"OIDC_ISSUER": "https://id.example/realm", "OIDC_ROLES": "team=intake, a=b=vendor manager"}
    done = start(tmp_path, "check", SECRET_KEY="x" * 50, **given)
    assert done.returncode == 1
    assert "OIDC_CLIENT_ID must be set where OIDC_ISSUER is." in done.stderr
    given |= {"OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": "s3cret"}
    assert shown(tmp_path, "(s.OIDC_ROLES, s.OIDC_PROVIDER_NAME, s.OIDC_SECOND_FACTOR)", **given) == (
        "([('team', 'intake'), ('a=b', 'vendor manager')], 'id.example', [])"
    )


def test_what_the_desk_makes_is_for_its_own_account_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert start(folder, "migrate", "--plan", SECRET_KEY="x" * 50).returncode == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "desk.sqlite3").stat().st_mode & 0o777 == 0o600
    start(tmp_path / "other", "check", ERASURE_DESK_DEMO="demo")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700


def test_debug_makes_a_secret_key_that_stays(tmp_path: Path) -> None:
    first, second = (shown(tmp_path, "s.SECRET_KEY", DEBUG="1", SECRET_KEY="") for _ in range(2))
    assert first == second
    assert len(first) > 40
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0


def test_the_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    expression = "(s.DEBUG, s.ALLOWED_HOSTS, s.TIME_ZONE, s.VENDOR_HOSTS, s.VENDOR_LOOPBACK, s.DISPATCH_DELAY_MINUTES)"
    assert shown(tmp_path, expression) == "(False, [], 'UTC', [], False, 0)"


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    code = (
        "from django.db import connection as c; k=c.cursor();"
        "print([k.execute('PRAGMA '+p).fetchone()[0] for p in ('journal_mode','synchronous','busy_timeout')],"
        "c.transaction_mode, c.settings_dict['ATOMIC_REQUESTS'])"
    )
    done = start(tmp_path, "shell", "-v0", "-c", code, SECRET_KEY="x" * 50)
    assert done.stdout.strip() == "['wal', 2, 20000] IMMEDIATE False"


@pytest.mark.parametrize(
    ("hosts", "secure"), [("127.0.0.1,localhost", "False"), ("desk.example.org", "True"), ("127.0.0.1,desk", "True")]
)
def test_cookies_need_https_unless_the_desk_is_on_loopback_alone(tmp_path: Path, hosts: str, secure: str) -> None:
    assert shown(tmp_path, "s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE", ALLOWED_HOSTS=hosts) == secure


def test_the_demo_keeps_to_its_own_folder_and_database_whatever_the_environment_says(tmp_path: Path) -> None:
    expression = "(s.DATABASES['default']['NAME'], str(s.KEY_RING), s.VENDOR_LOOPBACK)"
    given = {"ERASURE_DESK_DEMO": "demo", "DATABASE_URL": "postgres://root@127.0.0.1:1/real", "KEY_RING": ""}
    folder = tmp_path / "demo"
    assert shown(tmp_path, expression, **given) == f"('{folder}/desk.sqlite3', '{folder}/keys/ring.json', True)"
    given |= {"AUDIT_ANCHOR": "https://hooks.example", "AUDIT_TIMESTAMP_URL": "https://tsa.example"}
    assert shown(tmp_path, "(s.AUDIT_ANCHOR, s.AUDIT_TIMESTAMP_URL)", **given) == "([], None)"
    given |= {"ALERTS_TO": "privacy@example.org", "EMAIL_URL": "smtp://mail.example:25"}
    assert shown(tmp_path, "(s.ALERTS_TO, s.EMAIL_HOST)", **given) == "([], None)"
    given |= {"LETTERS_FROM": "privacy@shop.example"}
    mails = shown(tmp_path, "(s.EMAIL_FILE_PATH, s.LETTERS_FROM)", **given)
    assert mails == f"('{folder}/mail', 'Demo shop <privacy@example.org>')"


def test_distances_are_days_each_once_and_the_longest_first(tmp_path: Path) -> None:
    expression = "(s.REMINDERS, s.ESCALATION_DAYS, s.MAIL_IS_SET)"
    assert shown(tmp_path, expression) == "([14, 7, 3, 1, 0], 3, False)"
    given = {"REMINDERS": "3, 10,3", "ESCALATION_DAYS": "5", "EMAIL_URL": "smtp://mail.example:25"}
    assert shown(tmp_path, expression, **given) == "([10, 3], 5, True)"
    assert shown(tmp_path, expression, REMINDERS="") == "([], 3, False)"
