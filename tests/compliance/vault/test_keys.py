import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from compliance.vault.keys import ensure_ring, ring
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable, new_key, seal, unseal

PLACE = {"table": "t", "row": "1", "field": "f"}


def add_key(ring_file, key_id="second"):
    """What a rotation does: a new active key beside the old ones."""
    content = json.loads(ring_file.read_text())
    content["keys"][key_id] = {"key": base64.b64encode(os.urandom(32)).decode(), "created": "2026-11-21T00:00:00+00:00"}
    content["active"] = key_id
    ring_file.write_text(json.dumps(content))


def test_a_missing_ring_is_made_for_its_owner_alone(db, ring_file):
    ensure_ring()
    assert ring_file.stat().st_mode & 0o777 == 0o600
    assert ring_file.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in ring_file.parent.iterdir()] == ["ring.json"]
    content = json.loads(ring_file.read_text())
    assert list(content["keys"]) == [content["active"]]
    assert len(ring().keys[ring().active]) == len(ring().index_key) == 32


def test_a_ring_that_is_there_is_left_alone(db, ring_file):
    ensure_ring()
    before = ring_file.read_bytes()
    ensure_ring()
    assert ring_file.read_bytes() == before


def test_migrate_makes_the_ring(db, ring_file):
    call_command("migrate", verbosity=0)
    assert ring_file.exists()


def test_no_new_ring_is_made_over_data_sealed_with_a_lost_one(key, ring_file):
    ring_file.unlink()
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: .*Nothing was changed.*backup\.$"):
        ensure_ring()
    with pytest.raises(CommandError, match="KEY_RING"):
        call_command("migrate", verbosity=0)
    assert not ring_file.exists()


def test_a_destroyed_data_key_counts_as_data_too(key, ring_file):
    DataKey.objects.update(wrapped=b"", destroyed_at="2026-11-21T00:00:00Z")
    ring_file.unlink()
    with pytest.raises(ImproperlyConfigured):
        ensure_ring()


def test_reading_a_missing_ring_names_the_setting(ring_file):
    with pytest.raises(ImproperlyConfigured, match="KEY_RING"):
        ring()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-10],
        lambda text: "[]",
        lambda text: text.replace('"index_key"', '"index"'),
        lambda text: text.replace('"active": "', '"active": "x'),
        lambda text: json.dumps({**json.loads(text), "index_key": "c2hvcnQ="}),
        lambda text: json.dumps({**json.loads(text), "keys": {"a": {"key": "not base64!"}}}),
        lambda text: text.replace("+00:00", ""),
        lambda text: json.dumps({**json.loads(text), "retired": {"a": "yesterday"}}),
    ],
)
def test_a_damaged_ring_is_one_clear_line_without_its_keys(db, ring_file, damage):
    ensure_ring()
    text = ring_file.read_text()
    secrets = [entry["key"] for entry in json.loads(text)["keys"].values()]
    ring_file.write_text(damage(text))
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: .*damaged") as caught:
        ring()
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in secrets)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_folder_that_cannot_be_made_names_the_setting(db, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.KEY_RING = tmp_path / "file" / "ring.json"
    with pytest.raises(ImproperlyConfigured, match=r"^KEY_RING: "):
        ensure_ring()


def test_the_ring_does_not_print_its_keys(key):
    assert repr(ring()) == f"Ring(active={ring().active!r})"


def test_a_rotated_ring_is_noticed_and_old_data_still_opens(key, ring_file):
    sealed = seal(key, "old", **PLACE)
    add_key(ring_file)
    assert new_key().ring_key == "second" != key.ring_key
    assert unseal(key, sealed, **PLACE) == b"old"


def without(ring_file, key_id, **more):
    content = json.loads(ring_file.read_text())
    del content["keys"][key_id]
    ring_file.write_text(json.dumps({**content, **more}))


def test_data_under_a_key_that_the_ring_lacks_is_a_fault_of_the_installation(key, ring_file):
    sealed = seal(key, "old", **PLACE)
    add_key(ring_file)
    without(ring_file, key.ring_key)
    with pytest.raises(ImproperlyConfigured, match=f"^KEY_RING: .*{key.ring_key}.*Copy the file"):
        unseal(key, sealed, **PLACE)


def test_data_under_a_destroyed_ring_key_cannot_be_read_any_more(key, ring_file):
    sealed = seal(key, "old", **PLACE)
    add_key(ring_file)
    without(ring_file, key.ring_key, retired={key.ring_key: "2026-11-22T00:00:00+00:00"})
    with pytest.raises(Unreadable, match=r"destroyed on purpose on 2026-11-22"):
        unseal(key, sealed, **PLACE)


def test_a_ring_made_by_a_faster_process_is_kept(db, ring_file, monkeypatch):
    real, made = Path.hardlink_to, []

    def another_process_is_faster(self, target):
        monkeypatch.setattr(Path, "hardlink_to", real)
        ensure_ring()
        made.append(self.read_bytes())
        real(self, target)

    monkeypatch.setattr(Path, "hardlink_to", another_process_is_faster)
    ensure_ring()
    assert made == [ring_file.read_bytes()]
    assert [file.name for file in ring_file.parent.iterdir()] == ["ring.json"]


RACER = """
import sys, django
from django.conf import settings
memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
apps = ["django.contrib.contenttypes", "django.contrib.auth", "compliance.audit", "compliance.vault"]
settings.configure(KEY_RING=sys.argv[1], INSTALLED_APPS=apps, DATABASES={"default": memory}, USE_TZ=True)
django.setup()
from compliance.vault.keys import ensure_ring, ring
print("ready", flush=True); input()
ensure_ring(); print(ring().index_key.hex())
"""


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_ring(ring_file):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(ring_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("\n")
            racer.stdin.flush()
        answers = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    finally:
        for racer in racers:
            racer.kill()
    assert answers == {ring().index_key.hex()}
    assert {racer.returncode for racer in racers} == {0}
