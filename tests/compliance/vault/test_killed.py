"""A rotation that is killed for real, in the midst of its batches, on a desk that goes on making keys."""

import json
import signal
import subprocess
import sys

import pytest

from tests.desk import ROOT, Desk

MAKE = """
import collections, os, uuid
from compliance import clock
from compliance.audit.models import Event
from compliance.vault import rewrap, seal
from compliance.vault.models import DataKey

def made(count):
    for _ in range(count):
        key = uuid.uuid4()
        ring_key, wrapped = seal.wrap(os.urandom(32), key)
        yield DataKey(id=key, ring_key=ring_key, wrapped=wrapped, created_at=clock.now())

def under():
    return collections.Counter(DataKey.objects.filter(destroyed_at=None).values_list("ring_key", flat=True))

def told(action):
    return list(Event.objects.filter(action=action).values_list("subject", flat=True))

def all_open():
    return all(len(seal.unwrap(key)) == 32 for key in DataKey.objects.filter(destroyed_at=None))
"""

DIES = """
import os, signal, sys, django
django.setup()
from django.core.management import call_command
from compliance.vault import rewrap

do, left = rewrap._wrapped_anew, int(sys.argv[1])

def do_or_die(key):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return do(key)

rewrap._wrapped_anew = do_or_die
call_command("keys", "rotate", "--retire", "--no-input")
"""


@pytest.mark.slow
def test_a_rotation_killed_in_its_midst_goes_on_where_it_was(tmp_path):
    with Desk(tmp_path) as desk:
        desk.run("result = len(DataKey.objects.bulk_create(made(1_500)))", MAKE)
        (old,) = desk.run("result = under()", MAKE)
        rotating = subprocess.run([sys.executable, "-c", DIES, "700"], cwd=ROOT, env=desk.environment, timeout=120)
        assert rotating.returncode == -signal.SIGKILL
        left = desk.run("result = under()", MAKE)
        assert sorted(left.values()) == [500, 1_000], "one batch was whole, and nothing of the second is left"
        assert desk.run("result = all_open()", MAKE)
        (active,) = left.keys() - {old}
        assert desk.run("result = seal.new_key().ring_key", MAKE) == active
        said = desk.manage("keys", "rotate", "--retire", "--no-input").stdout
        assert f"cut off and has been brought to its end: the key {active} stays active" in said
        assert f"The key {old} is destroyed." in said
        assert desk.run("result = under()", MAKE) == {active: 1_501}
        assert desk.run("result = all_open()", MAKE)
        assert list(json.loads((desk.folder / "keys" / "ring.json").read_text())["keys"]) == [active]
        assert desk.run("result = told('vault.key_retired')", MAKE) == [f"ring_key:{old}"]
        assert desk.run("result = told('vault.key_activated')", MAKE) == [f"ring_key:{active}"]
