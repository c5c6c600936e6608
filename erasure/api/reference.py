"""The lists of the README's API section, made from the code: actions, attention codes, problem types."""

import ast
from collections.abc import Iterator
from pathlib import Path

from compliance.audit.actions import ACTIONS
from erasure import connectors
from erasure.connectors import base
from erasure.states import Attention, Pause
from erasure.worker import numbers

from .problems import TYPES

BEGIN, END = "<!-- api-reference:begin -->", "<!-- api-reference:end -->"


def markdown() -> str:
    """The text between the two markers, without them."""
    problems = [f"| `/problems/{code}` | {status} | {title} |" for code, (status, title) in TYPES.items()]
    attention = [f"| `{item.value}` | {item.label} |" for item in Attention]
    actions = [f"| `{name}` | {_cell(str(summary))} |" for name, summary in sorted(ACTIONS.items())]
    return "\n".join(
        [
            "",
            "**Problem types**",
            "",
            "| type | status | title |",
            "|---|---|---|",
            *problems,
            "",
            "**Attention codes**",
            "",
            "| code | meaning |",
            "|---|---|",
            *attention,
            "",
            f"The HTTP client and the connectors add: {', '.join(f'`{code}`' for code in _connector_codes())}.",
            "",
            f"An account that is paused says why: {', '.join(f'`{item.value}` ({item.label})' for item in Pause)}.",
            "",
            "**Actions in the trail**",
            "",
            "| action | summary |",
            "|---|---|",
            *actions,
            "",
        ]
    )


def put_into(text: str) -> str:
    """`text` with the section between the markers brought up to date. Raises ValueError when it has no such section."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the text lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _connector_codes() -> list[str]:
    """Every `code=` that a connector or the client gives to what it raises, and the words of the classes themselves."""
    found = {error("").code for error in (base.BrokenReply, base.Refused, base.RetryLater)}
    for path in (*Path(connectors.__file__).parent.rglob("*.py"), Path(numbers.__file__)):
        found |= set(_codes(ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(found - set(Attention.values))


def _codes(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code":
            value = constants.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            for part in ast.walk(value):
                if isinstance(part, ast.JoinedStr):
                    yield "".join(str(item.value) if isinstance(item, ast.Constant) else "…" for item in part.values)
                    break
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                    yield part.value
