import pytest

from compliance.vault.keys import ensure_ring
from compliance.vault.seal import new_key


@pytest.fixture
def ring_file(settings, tmp_path):
    """Where the key ring of this test goes; nothing is there yet."""
    settings.KEY_RING = tmp_path / "keys" / "ring.json"
    return settings.KEY_RING


@pytest.fixture
def key(db, ring_file):
    ensure_ring()
    return new_key()


@pytest.fixture
def other_key(key):
    return new_key()
