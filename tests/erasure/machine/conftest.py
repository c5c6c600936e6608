"""`python -m pytest tests/erasure/machine --hypothesis-profile=long` looks for as long as it takes: hours."""

from hypothesis import settings

settings.register_profile("long")
