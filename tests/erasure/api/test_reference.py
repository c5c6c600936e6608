"""The README's lists are what the code says."""

import pytest
from django.conf import settings

from compliance.audit.actions import ACTIONS
from erasure.api import reference
from erasure.api.problems import TYPES
from erasure.states import Attention

COMMAND = "python manage.py api_reference --write"


def test_the_readme_has_the_lists_that_the_code_gives():
    text = (settings.BASE_DIR / "README.md").read_text(encoding="utf-8")
    assert reference.BEGIN in text and reference.END in text, f"README.md lacks {reference.BEGIN} and {reference.END}"
    if reference.put_into(text) != text:
        pytest.fail(f"the lists in README.md are not what the code says; run: {COMMAND}", pytrace=False)


def test_the_lists_are_whole():
    text = reference.markdown()
    for word in (*ACTIONS, *Attention.values, *(f"/problems/{code}" for code in TYPES)):
        assert f"`{word}`" in text
    for code in ("host_not_allowed", "credentials_refused", "job_…", "broken_reply"):
        assert f"`{code}`" in text


def test_only_what_stands_between_the_markers_is_written():
    text = f"before\n{reference.BEGIN}\noutdated\n{reference.END}\nafter\n"
    new = reference.put_into(text)
    assert new.startswith(f"before\n{reference.BEGIN}\n") and new.endswith(f"{reference.END}\nafter\n")
    assert "outdated" not in new
    assert reference.put_into(new) == new
    with pytest.raises(ValueError, match="lacks the lines"):
        reference.put_into("nothing")
