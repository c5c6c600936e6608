"""`manage.py setup`: a desk from what is installed, by a person or a script, as often as somebody likes."""

import os
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from compliance.audit.models import Event
from compliance.staff import accounts
from compliance.staff.models import User
from tests import factories
from tests.compliance.staff.signing_in import PASSWORD
from tests.compliance.test_settings import start

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: LazySettings, tmp_path: Path) -> Path:
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    (tmp_path / "password").write_text(f"{PASSWORD}\nsecond line\n")
    return tmp_path


def setup(*arguments: str) -> str:
    out = StringIO()
    call_command("setup", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def scripted(folder: Path, *more: str) -> str:
    file = str(folder / "password")
    return setup("--no-input", "--username", "ada", "--email", "ada@desk.example", "--password-file", file, *more)


@pytest.mark.slow
def test_it_makes_a_desk_of_nothing_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    arguments = ("--no-input", "--username", "ada", "--password-file", str(tmp_path / "password"))
    environment = {"SECRET_KEY": "x" * 50, "KEY_RING": str(tmp_path / "keys" / "ring.json")}
    data = tmp_path / "data"
    first = start(data, "setup", *arguments, **environment)
    assert first.returncode == 0, first.stderr
    for path in (tmp_path / "keys" / "ring.json", data / "keys" / "audit-signing.pem", data / "desk.sqlite3"):
        assert path.stat().st_mode & 0o077 == 0, path
    for folder in (tmp_path / "keys", data, data / "evidence"):
        assert folder.stat().st_mode & 0o077 == 0, folder
    assert "Administrator: made: ada" in first.stdout
    count = "from compliance.audit.models import Event; print(Event.objects.count())"
    before = start(data, "shell", "-v0", "-c", count, **environment).stdout
    second = start(data, "setup", "--no-input", **environment)
    assert second.returncode == 0, second.stderr
    assert "made" not in second.stdout
    assert "Administrator: there: ada" in second.stdout
    assert start(data, "shell", "-v0", "-c", count, **environment).stdout == before


def test_a_script_makes_the_first_administrator(files: Path) -> None:
    assert "Administrator: made: ada" in scripted(files)
    (ada,) = accounts.administrators()
    assert (ada.username, ada.email, ada.check_password(PASSWORD)) == ("ada", "ada@desk.example", True)
    assert Event.objects.get(action="user.added").actor == "system:command"


def test_one_who_is_there_stays_the_only_one(files: Path) -> None:
    factories.person("olga", "administrator")
    assert "Administrator: there: olga" in scripted(files)
    assert not User.objects.filter(username="ada").exists()


def test_without_a_terminal_a_script_has_to_say_who(files: Path) -> None:
    for arguments in ((), ("--no-input",), ("--no-input", "--username", "ada")):
        with pytest.raises(CommandError, match="--password-file") as error:
            setup(*arguments)
        assert error.value.returncode == 2
    assert not User.objects.exists()


def test_a_weak_password_makes_nobody_and_is_not_repeated(files: Path) -> None:
    (files / "password").write_text("hunter2\n")
    with pytest.raises(CommandError, match="too short") as error:
        scripted(files)
    assert "hunter2" not in str(error.value)
    assert not User.objects.exists()


def test_a_password_file_that_is_missing_is_one_line(files: Path) -> None:
    (files / "password").unlink()
    with pytest.raises(CommandError, match="cannot be read"):
        scripted(files)


class Terminal:
    """Somebody who types these lines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
        typed = iter(lines)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda _asked: next(typed))
        monkeypatch.setattr("erasure.management.commands.setup.getpass", lambda _asked: next(typed))


def test_a_person_is_asked_and_may_mistype(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ("ada", "", PASSWORD, "something else")
    Terminal(monkeypatch, *wrong, "ada", "ada@desk.example", PASSWORD, PASSWORD)
    setup()
    assert User.objects.get().check_password(PASSWORD)


def test_a_name_that_is_taken_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    factories.person("ada", "intake")
    Terminal(monkeypatch, "", PASSWORD, PASSWORD, "olga", "", PASSWORD, PASSWORD)
    assert "Administrator: made: olga" in setup("--username", "ada")


def test_a_folder_that_cannot_be_made_is_one_line(files: Path, settings: LazySettings) -> None:
    settings.EVIDENCE_DIR = files / "password" / "evidence"
    with pytest.raises(CommandError, match="cannot be made"):
        scripted(files)


def test_who_gives_up_is_told_that_nobody_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    Terminal(monkeypatch)

    def gives_up(_asked: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", gives_up)
    with pytest.raises(CommandError, match="No administrator was made"):
        setup()


def test_it_says_which_settings_are_missing_and_none_that_is_there(files: Path, settings: LazySettings) -> None:
    said = scripted(files)
    for name in ("VENDOR_HOSTS", "EMAIL_URL", "ALERTS_TO", "AUDIT_ANCHOR"):
        assert f"\n      {name}=" in said
    settings.ALERTS_TO, settings.VENDOR_HOSTS = ["desk@example.org"], ["api.shop.example"]
    settings.HTTPS = True
    said = setup()
    assert "ALERTS_TO=" not in said
    assert "VENDOR_HOSTS=" not in said
    assert "TRUSTED_PROXIES=" in said


def test_it_says_what_to_back_up_and_what_to_start(files: Path, settings: LazySettings) -> None:
    said = scripted(files)
    assert str(Path(settings.KEY_RING).parent) in said
    assert "systemctl enable --now erasure-desk-web erasure-desk-worker" in said
    assert "vendors load" in said
    factories.vendor()
    assert "vendors load" not in setup()


def test_root_does_not_make_what_the_desks_account_could_not_use(
    files: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(files, 65534, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    settings.DATA_DIR = files
    with pytest.raises(CommandError, match="Run this as the account"):
        scripted(files)


def test_the_demo_sets_itself_up(settings: LazySettings) -> None:
    settings.DEMO = "demo"
    with pytest.raises(CommandError, match="demo"):
        setup()
