"""The files of `deploy/` and the pages of docs/operations name only what there is."""

import re
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.utils.translation import override

from erasure.states import Attention, Trouble
from tests.desk import ROOT

DEPLOY = ROOT / "deploy"
PAGES = [ROOT / "docs" / "operations.md", *sorted((ROOT / "docs" / "operations").glob("*.md"))]
SETTINGS = "".join(part.read_text() for part in (ROOT / "compliance" / "settings").glob("*.py"))
VARIABLES = set(re.findall(r'\b(?:read|text)\(\s*"([A-Z_]+)"', SETTINGS)) | {"DATABASE_URL"}
UNITS = sorted(DEPLOY.glob("*.service"))


def unit(path: Path) -> dict[str, list[str]]:
    """The lines of its [Service], by name."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().partition("[Service]")[2].partition("\n[")[0].splitlines():
        if line and not line.startswith("#"):
            name, _equals, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile, as word and arguments."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line]  # type: ignore[misc]


def arguments(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


# --- units ------------------------------------------------------------------------------------------------------------

#: What a unit may have of its own; all else is the same in each.
OWN = {"Type", "NotifyAccess", "ExecStart", "ExecStartPost", "ExecReload", "Restart", "RestartSec", "KillMode"}
OWN |= {"KillSignal", "TimeoutStopSec", "SendSIGKILL", "OOMPolicy", "SocketBindAllow", "ReadWritePaths"}


def test_the_units_are_held_in_by_the_same_lines() -> None:
    assert len(UNITS) == 3
    shared = [{name: values for name, values in unit(path).items() if name not in OWN} for path in UNITS]
    assert shared[0] == shared[1] == shared[2]
    assert shared[0]["ProtectSystem"] == ["strict"]
    assert shared[0]["StateDirectory"] == ["erasure-desk erasure-desk-keys"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_what_a_unit_starts_is_there(path: Path) -> None:
    (line,) = unit(path)["ExecStart"]
    if "manage.py" in line:
        assert re.search(r"manage\.py (\w+)", line)[1] in get_commands()  # type: ignore[index]
    else:
        assert "gunicorn compliance.wsgi" in line
        assert "tcp:8000" in unit(path)["SocketBindAllow"]
        assert "--bind 127.0.0.1:8000" in line


def test_old_backups_go_when_the_key_ring_need_not_open_them_any_more() -> None:
    (line,) = unit(DEPLOY / "erasure-desk-backup.service")["ExecStartPost"]
    assert "-mtime +35" in line, "the default of KEY_KEEP_DAYS"


def test_the_timer_starts_the_backup() -> None:
    timer = RawConfigParser()
    timer.read(DEPLOY / "erasure-desk-backup.timer")
    assert (DEPLOY / "erasure-desk-backup.service").exists()
    assert timer["Timer"]["Persistent"] == "true"


# --- containers -------------------------------------------------------------------------------------------------------


def test_the_image_copies_what_there_is_and_nothing_of_a_desk() -> None:
    copied = [rest.split()[:-1] for rest in arguments("COPY") if not rest.startswith("--from")]
    sources = [source for sources in copied for source in sources]
    assert {"compliance", "erasure", "templates", "manage.py", "constraints.txt"} <= set(sources)
    assert all((ROOT / source).exists() for source in sources)
    assert not {"var", "deploy", "tests", "."} & set(sources)


def test_the_image_comes_from_the_official_one_and_runs_as_nobody() -> None:
    assert all(re.fullmatch(r"python:3\.\d+-slim-bookworm( AS build)?", rest) for rest in arguments("FROM"))
    words = [word for word, _rest in instructions()]
    last_user = len(words) - 1 - words[::-1].index("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", instructions()[last_user][1])
    assert not {"RUN", "COPY", "ADD"} & set(words[last_user:])


def test_the_image_holds_no_secret() -> None:
    given = re.findall(r"([A-Z_]+)=", " ".join(arguments("ENV") + arguments("ARG")))
    assert set(given) - {"PATH", "PYTHONUNBUFFERED"} == {"DATA_DIR", "KEY_RING", "AUDIT_SIGNING_KEY"}


def test_the_image_starts_the_web_server() -> None:
    (command,) = [yaml.safe_load(rest) for rest in arguments("CMD")]
    assert command[:2] == ["gunicorn", "compliance.wsgi"]


def test_the_composed_desk_has_all_that_it_names() -> None:
    told = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name in ("web", "worker"):
        service = told["services"][name]
        given = {variable.removesuffix("_FILE") for variable in service["environment"]}
        assert given <= VARIABLES
        assert {"SECRET_KEY", "DATABASE_URL", "CACHE_URL", "ALLOWED_HOSTS"} <= given
        assert set(service["secrets"]) <= set(told["secrets"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(told["volumes"])
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert told["services"]["worker"]["command"] == ["python", "manage.py", "work"]
    assert not [image for service in told["services"].values() if "." in (image := service["image"].split("/")[0])]


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((DEPLOY / "proxy").iterdir()), ids=lambda path: path.name)
def test_a_proxy_passes_on_what_the_desk_trusts_and_hides_what_is_not_for_the_world(path: Path) -> None:
    text = path.read_text()
    assert "127.0.0.1:8000" in text
    assert all(name in text for name in ("X-Forwarded-For", "X-Forwarded-Proto", "TRUSTED_PROXIES"))
    assert all(name in text for name in ("livez", "readyz", "healthz", "metrics"))
    assert any(limit in text for limit in ("9m;", "9437184", "9MiB")), "a little more than the desk itself takes"


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_commands_files_and_settings_that_there_are(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"(?:erasure-desk|manage\.py) ([a-z][a-z_]+)\b", text)) - {"as", "and"}
    assert named <= {*get_commands()}, named - {*get_commands()}
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link
    for file in re.findall(r"deploy/[\w./-]+\w", text):
        assert (ROOT / file).exists() or file.startswith("deploy/secrets"), file
    for name in re.findall(r"\b([A-Z][A-Z_]{3,})=", text):
        assert name.removesuffix("_FILE") in VARIABLES | {"DESK_OWNER", "NAME"}, name


def test_the_first_page_leads_to_every_chapter() -> None:
    named = set(re.findall(r"\(operations/([\w-]+\.md)\)", PAGES[0].read_text()))
    assert named == {page.name for page in PAGES[1:]}


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_an_anchor_leads_to_a_heading(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        headings = re.findall(r"^#+ (.+)$", ((page.parent / link) if link else page).read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{link}#{anchor}"


def test_each_alert_and_each_reason_for_attention_has_its_line() -> None:
    text = (ROOT / "docs" / "operations" / "alerts.md").read_text()
    with override("en-gb"):
        assert [str(kind.label) for kind in Trouble if f"| {kind.label}" not in text] == []
    assert [code for code in Attention if f"| `{code}` |" not in text] == []
