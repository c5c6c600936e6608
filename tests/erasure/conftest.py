from tests.trail import trail_can_be_emptied  # noqa: F401
