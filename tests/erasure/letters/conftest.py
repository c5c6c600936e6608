from typing import Any

import pytest

from compliance.staff.models import User
from erasure.models import Case
from tests import factories

PERSON = {"name": "Ada Lovelace", "reply_to": "ada@example.org", "language": "en"}


@pytest.fixture
def olive(db: None, settings: Any) -> User:
    """Somebody who writes letters, at a desk that sends them by e-mail."""
    settings.LETTERS_FROM = '"Shop, privacy" <privacy@shop.example>'
    factories.vendor()
    return factories.person("olive", "intake")


def case_of(**values: Any) -> Case:
    """A case that awaits approval, of somebody with an e-mail address."""
    return factories.opened_case(submit=True, **{"requester": PERSON, **values})
