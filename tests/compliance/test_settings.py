"""What the environment may say, and what a bad value says back. Each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

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
        ("DATABASE_URL", "not-a-url"),
        ("DATABASE_URL", "mysql://root@127.0.0.1/desk"),
        ("DISPATCH_DELAY_MINUTES", "soon"),
        ("DISPATCH_DELAY_MINUTES", "-1"),
        ("TRUSTED_PROXIES", "the proxy"),
        ("CSRF_TRUSTED_ORIGINS", "desk.example.org"),
        ("CACHE_URL", "what://ever"),
        ("QUEUE_BROKER", "rabbit"),
        ("VENDOR_LOOPBACK", "2"),
        ("VENDOR_PROXY", "proxy:3128"),
        ("VENDOR_CA_BUNDLE", "/no/such/file.pem"),
        ("EMAIL_URL", "pigeon://loft"),
        ("VENDOR_HOSTS", "https://api.shop.example"),
        ("VENDOR_HOSTS", "api.shop.example/v1"),
        ("VENDOR_HOSTS", "api.shop.example:8443"),
        ("VENDOR_HOSTS", "api.shop.example other.example"),
        ("VENDOR_HOSTS", "api.*.example"),
        ("VENDOR_HOSTS", "*shop.example"),
        ("VENDOR_HOSTS", "10.0.0.300"),
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
        "VENDOR_HOSTS": "api.shop.example, *.agilone.com,203.0.113.7,[2001:db8::1], my_host",
        "ALERTS_TO": "ada@desk.example, root@localhost",
    }
    assert shown(tmp_path, "(s.VENDOR_HOSTS, s.ALERTS_TO)", **given) == (
        "(['api.shop.example', '*.agilone.com', '203.0.113.7', '[2001:db8::1]', 'my_host'], "
        "['ada@desk.example', 'root@localhost'])"
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
