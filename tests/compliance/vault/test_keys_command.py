import io
import json

import pytest
from django.core.management import CommandError, call_command

from compliance.vault import rotation, seal
from compliance.vault.keys import ring
from compliance.vault.management.commands import keys as command

pytestmark = pytest.mark.django_db


def run(*args):
    out = io.StringIO()
    call_command("keys", *args, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_keys_and_what_is_under_them_are_shown_without_a_secret(key, ring_file, settings):
    seal.new_key()
    first = ring().active
    assert f"{first}  active since " in run("status")
    assert "2 data keys" in run("status")
    run("prepare")
    run("rotate")
    run("rotate", "--retire", "--no-input")
    said = run("status")
    assert f"{first}  destroyed on " in said
    assert "by hand alone" in said
    settings.KEY_ROTATION_DAYS = 30
    run("rotate")
    said = run("status")
    assert "0 data keys, to be destroyed on " in said
    assert "every 30 days" in said
    secrets = [entry["key"] for entry in json.loads(ring_file.read_text())["keys"].values()]
    assert not [secret for secret in secrets if secret in said]


def test_a_rotation_says_what_is_active_and_what_to_back_up(key):
    said = run("rotate")
    assert f"The key {ring().active} is active." in said
    assert "1 data key was wrapped anew." in said
    assert "Back up" in said


def test_destroying_asks_on_a_terminal(key, monkeypatch):
    run("rotate")
    old = next(iter(ring().replaced))
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: True, raising=False)
    for answer, goes in (("", False), ("yes", False), ("destroy", True)):
        monkeypatch.setattr("builtins.input", lambda _text, answer=answer: answer)
        if goes:
            assert f"The key {old} is destroyed." in run("retire")
        else:
            with pytest.raises(CommandError, match="Nothing was changed"):
                run("retire")
        assert (old in ring().keys) is not goes


def test_where_nobody_can_be_asked_nothing_is_destroyed_without_saying_so(key, monkeypatch):
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: False, raising=False)
    before = ring().active
    with pytest.raises(CommandError, match="--no-input") as refused:
        run("rotate", "--retire")
    assert refused.value.returncode == 2
    assert ring().active == before
    run("rotate", "--retire", "--no-input")
    assert list(ring().keys) == [ring().active]


def test_data_keys_that_stay_behind_are_an_error_and_keep_their_ring_key(key):
    damaged = seal.new_key()
    type(damaged).objects.filter(pk=damaged.pk).update(wrapped=b"\x01damaged")
    old = ring().active
    with pytest.raises(CommandError, match=r"1 data key is still under a replaced key"):
        run("rotate", "--retire", "--no-input")
    assert old in ring().keys


def test_a_ring_that_does_not_fit_is_one_line(key, ring_file):
    copy = ring_file.read_bytes()
    run("rotate")
    ring_file.write_bytes(copy)
    for args in (["status"], ["rotate"], ["prepare"]):
        with pytest.raises(CommandError, match=r"^KEY_RING: .*Copy the file") as refused:
            run(*args)
        assert "\n" not in str(refused.value)


def test_nothing_to_destroy_asks_nothing(key):
    assert "No replaced key" in run("retire")
    assert rotation.problem() is None
