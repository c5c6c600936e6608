"""`setup --write-environment`: the file with which a desk begins."""

import shlex
import subprocess
from pathlib import Path

import pytest

from compliance import first_environment
from tests.compliance.test_settings import shown, start


def written(folder: Path, *arguments: str) -> dict[str, str]:
    """What a shell has of the file."""
    file = folder / "environment"
    folders = ("--data-dir", str(folder / "data"), "--keys-dir", str(folder / "keys"))
    assert first_environment.main(["--write-environment", str(file), *folders, *arguments]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    script = f"set -a; . {shlex.quote(str(file))}; env -0"
    said = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in said.split("\0") if "=" in line)


def test_it_is_written_before_there_is_a_secret_key(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    done = start(tmp_path, "setup", f"--write-environment={file}", "--host", "desk.example.org")
    assert (done.returncode, done.stderr) == (0, "")
    assert "install -d -m 0700" in done.stdout
    assert file.exists()


def test_a_desk_starts_with_it_as_one_that_people_reach_over_https(tmp_path: Path) -> None:
    given = written(tmp_path, "--host", "desk.example.org")
    assert len(given["SECRET_KEY"]) > 50
    known = {name: value for name, value in given.items() if name not in ("PWD", "SHLVL", "_")}
    assert shown(tmp_path, "(s.HTTPS, s.ALLOWED_HOSTS, str(s.KEY_RING))", **known) == (
        f"(True, ['desk.example.org', '127.0.0.1'], '{tmp_path}/keys/ring.json')"
    )


@pytest.mark.parametrize(
    "host", ["bad host", "https://desk.example.org", "desk.example.org:8443", "a.example,b.example", "", "*"]
)
def test_what_is_no_name_of_a_host_is_refused_before_anything_is_written(tmp_path: Path, host: str) -> None:
    file = tmp_path / "environment"
    with pytest.raises(SystemExit) as ended:
        first_environment.main(["--write-environment", str(file), "--host", host])
    assert ended.value.code == 2
    assert not file.exists()


def test_without_a_name_it_is_a_desk_of_this_machine_alone(tmp_path: Path) -> None:
    given = written(tmp_path)
    assert given["ALLOWED_HOSTS"] == "127.0.0.1"
    assert "TRUSTED_PROXIES" not in given


def test_each_file_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        keys.append(written(tmp_path / name)["SECRET_KEY"])
    assert keys[0] != keys[1]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "environment"
    file.write_text("SECRET_KEY='mine'\n")
    assert first_environment.main(["--write-environment", str(file)]) == 1
    assert file.read_text() == "SECRET_KEY='mine'\n"
    assert "Nothing was changed" in capsys.readouterr().err


def test_what_a_shell_would_read_otherwise_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        first_environment.main(["--write-environment", str(tmp_path / "x"), "--host", "desk'; rm -r x"])
    assert ended.value.code == 2
    assert not (tmp_path / "x").exists()
