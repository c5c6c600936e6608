"""A rotation that is killed for real, in the midst of its batches, on a desk that goes on making keys."""

import json
import signal

import pytest

from tests.desk import Desk, until

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


@pytest.mark.slow
def test_a_rotation_killed_in_its_midst_goes_on_where_it_was(tmp_path):
    with Desk(tmp_path) as desk:
        desk.run("result = len(DataKey.objects.bulk_create(made(6_000)))", MAKE)
        (old,) = desk.run("result = under()", MAKE)
        rotating = desk.start("keys", "rotate", "--retire", "--no-input")
        until(lambda: len(desk.run("result = rewrap.in_use()", MAKE)) == 2, every=0.01)
        rotating.send_signal(signal.SIGKILL)
        rotating.wait()
        left = desk.run("result = under()", MAKE)
        assert left[old], "it was killed in the midst"
        assert desk.run("result = all_open()", MAKE)
        (active,) = left.keys() - {old}
        assert desk.run("result = seal.new_key().ring_key", MAKE) == active
        said = desk.manage("keys", "rotate", "--retire", "--no-input").stdout
        assert f"cut off and has been brought to its end: the key {active} stays active" in said
        assert f"The key {old} is destroyed." in said
        assert desk.run("result = under()", MAKE) == {active: 6_001}
        assert desk.run("result = all_open()", MAKE)
        assert list(json.loads((desk.folder / "keys" / "ring.json").read_text())["keys"]) == [active]
        assert desk.run("result = told('vault.key_retired')", MAKE) == [f"ring_key:{old}"]
        assert desk.run("result = told('vault.key_activated')", MAKE) == [f"ring_key:{active}"]
