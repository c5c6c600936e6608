"""Whether the trail knows what an export is asked for. The export's own event repeats it, and holds nothing typed."""

from .actions import ACTIONS
from .models import Event
from .record import actor_names


def knows_case(reference: str) -> bool:
    return Event.objects.filter(case=reference).exists()


def knows_actor(word: str) -> bool:
    """An account, or whoever else is in the trail. Reads all of it for a word that is nobody's."""
    return actor_names([word])[word] != word or Event.objects.filter(actor=word).exists()


def knows_action(name: str) -> bool:
    """Also one of an earlier release."""
    return name in ACTIONS or Event.objects.filter(action=name).exists()
