"""What must hold in every source file and no linter asks for."""

import ast

from tests import messages


def test_no_text_is_marked_inside_an_f_string():
    """Before Python 3.12 whoever collects the texts does not see it there, and it would stay untranslated."""
    found = []
    for source in messages.sources():
        if source.suffix == ".py":
            inside = [part for part in ast.walk(ast.parse(source.read_text())) if isinstance(part, ast.JoinedStr)]
            calls = [call for part in inside for call in ast.walk(part) if isinstance(call, ast.Call)]
            names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
            found += [f"{source.name}: {name}" for name in sorted(names & set(messages.KEYWORDS))]
    assert found == []
