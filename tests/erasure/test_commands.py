"""`vendors load` and `vendors check`, as somebody at a terminal meets them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from compliance import clock
from erasure import sandbox
from erasure.models import Vendor
from erasure.states import Pause
from erasure.worker import sweep

pytestmark = pytest.mark.django_db


def load(folder: Path, *entries: Any) -> str:
    file = folder / "vendors.json"
    file.write_text(json.dumps(entries))
    out = StringIO()
    call_command("vendors", "load", str(file), stdout=out)
    return out.getvalue()


def shop(**more: Any) -> dict[str, Any]:
    return {
        "name": "Shop search",
        "connector": "apptus",
        "base_url": "http://127.0.0.1:9101",
        "credentials": {"username": "u", "password": "p"},
    } | more


def test_a_vendor_file_makes_accounts_and_says_which(tmp_path: Path) -> None:
    archive = {
        "name": "Paper archive",
        "connector": "manual",
        "options": {"instructions": "Room 12", "accepts": ["email"]},
    }
    printed = load(tmp_path, shop(options={"generation": "v1"}, pace={"first_poll_seconds": 1}), archive)
    assert printed.splitlines() == ["shop-search: Shop search (apptus)", "paper-archive: Paper archive (manual)"]
    assert Vendor.objects.get(slug="shop-search").opened_credentials().password == "p"


def test_keys_left_out_keep_their_value(tmp_path: Path) -> None:
    load(tmp_path, shop(options={"keep_export_days": 7}))
    load(tmp_path, {"name": "Shop search", "credentials": {"password": "new"}})
    vendor = Vendor.objects.get()
    assert vendor.options == {"keep_export_days": 7}
    assert (vendor.opened_credentials().username, vendor.opened_credentials().password) == ("u", "new")


def test_one_bad_entry_and_nothing_is_changed(tmp_path: Path) -> None:
    bad = shop(name="Other", options={"generation": "v9", "colour": "red"}, pace={"calls_per_minute": 0})
    with pytest.raises(CommandError) as refusal:
        load(tmp_path, shop(), bad)
    text = str(refusal.value)
    assert text.startswith("Nothing was changed:")
    for place in ("Other options/generation", "Other options/colour", "Other pace/calls_per_minute"):
        assert place in text
    assert not Vendor.objects.exists()


def test_a_host_that_is_not_allowed_names_the_setting_and_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"add api\.shop\.example to the setting VENDOR_HOSTS"):
        load(tmp_path, shop(base_url="https://api.shop.example"))


def test_loopback_needs_its_setting(tmp_path: Path, settings: LazySettings) -> None:
    settings.VENDOR_LOOPBACK = False
    with pytest.raises(CommandError, match="VENDOR_LOOPBACK=1"):
        load(tmp_path, shop())


def test_an_unknown_connector_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="apptus, acquia, acoustic, manual"):
        load(tmp_path, shop(connector="fax"))


def test_a_credential_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    load(tmp_path, shop(credentials={"username": "u", "password_file": str(tmp_path / "password")}))
    assert Vendor.objects.get().opened_credentials().password == "from a file"


def test_a_credential_whose_file_cannot_be_read_names_the_account_and_the_path(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, why in (("missing", "No such file"), ("binary", "UTF-8")):
        path = str(tmp_path / name)
        with pytest.raises(CommandError) as refusal:
            load(tmp_path, shop(credentials={"username": "u", "password_file": path}))
        assert str(refusal.value).startswith(f"Shop search: the file {path} of the credential password cannot be read")
        assert why in str(refusal.value)
    assert not Vendor.objects.exists()


@pytest.mark.parametrize("content", ["{", '{"name": "x"}', "[1]"])
def test_a_file_that_is_no_list_of_accounts_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "vendors.json").write_text(content)
    with pytest.raises(CommandError, match=r"[Nn]othing was changed"):
        call_command("vendors", "load", str(tmp_path / "vendors.json"))


def test_check_tells_of_each_account_and_fails_if_one_does(tmp_path: Path) -> None:
    with sandbox.start() as running:
        apptus = running["apptus"]
        load(
            tmp_path,
            shop(base_url=apptus.url, credentials=dict(apptus.credentials)),
            shop(name="Wrong password", base_url=apptus.url, credentials={"username": "u", "password": "no"}),
        )
        out = StringIO()
        with pytest.raises(CommandError, match="1 of 2"):
            call_command("vendors", "check", stdout=out)
        assert "shop-search: ok" in out.getvalue()
        assert "wrong-password: FAILED" in out.getvalue()
        assert [entry.effect for entry in apptus.journal.entries() if entry.effect] == []


def test_a_check_of_no_account_says_so() -> None:
    with pytest.raises(CommandError, match="There is no vendor account that is enabled"):
        call_command("vendors", "check", stdout=StringIO())


def test_a_check_that_works_resumes_a_paused_account(tmp_path: Path) -> None:
    with sandbox.start() as running:
        apptus = running["apptus"]
        load(tmp_path, shop(base_url=apptus.url, credentials=dict(apptus.credentials)))
        Vendor.objects.update(pause=Pause.CREDENTIALS)
        call_command("vendors", "check", stdout=StringIO())
    assert Vendor.objects.get().pause == ""


def test_a_check_that_is_refused_pauses_the_account_before_a_case_has_to_find_out(tmp_path: Path) -> None:
    with sandbox.start() as running:
        load(tmp_path, shop(base_url=running["apptus"].url, credentials={"username": "u", "password": "no"}))
        with pytest.raises(CommandError):
            call_command("vendors", "check", stdout=StringIO())
    assert Vendor.objects.get().pause == Pause.CREDENTIALS


def test_an_account_that_cannot_be_reached_is_not_paused_by_a_check(tmp_path: Path) -> None:
    with sandbox.start() as running:
        address = running["apptus"].url
    load(tmp_path, shop(base_url=address))
    with pytest.raises(CommandError):
        call_command("vendors", "check", stdout=StringIO())
    assert Vendor.objects.get().pause == ""


def test_a_start_tries_accounts_that_paused_themselves_and_leaves_those_paused_by_hand(tmp_path: Path) -> None:
    load(tmp_path, shop(), shop(name="By hand"))
    Vendor.objects.filter(slug="shop-search").update(pause=Pause.CREDENTIALS)
    Vendor.objects.filter(slug="by-hand").update(pause=Pause.BY_HAND)
    sweep.try_paused_accounts()
    assert Vendor.objects.get(slug="shop-search").trial_at <= clock.now()
    assert Vendor.objects.get(slug="by-hand").trial_at is None
