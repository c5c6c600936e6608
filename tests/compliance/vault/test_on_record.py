import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from compliance.audit.models import Event
from compliance.vault import keys
from compliance.vault.on_record import put_on_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def told():
    return lambda: [(event.actor, event.subject) for event in Event.objects.filter(action="vault.key_added")]


def test_a_key_of_the_ring_is_put_on_record_once_by_its_id(ring_file, told):
    keys.ensure_ring()
    put_on_record("system:test")
    put_on_record("system:test")
    assert told() == [("system:test", f"ring_key:{keys.ring().active}")]
    event = Event.objects.get()
    assert event.details == {}, "nothing of the key itself"


def test_a_ring_made_by_migrate_is_on_record_after_it(ring_file, told):
    call_command("migrate", verbosity=0)
    assert told() == [("system:migrate", f"ring_key:{keys.ring().active}")]


def test_without_a_ring_nothing_is_recorded(ring_file, told):
    with pytest.raises(ImproperlyConfigured, match="KEY_RING"):
        put_on_record("system:test")
    assert told() == []
