import pytest

from tests.factories import vendor


@pytest.fixture
def shop(db):
    return vendor("Shop search")
