"""The page that lies beside an export in its zip: what is there, how to check it, what that shows."""

import textwrap
from collections.abc import Collection, Mapping

from .export import Selection
from .models import Checkpoint
from .record import timestamp

_PAGE = """\
{what}
of the log {log}, as it was at its first {size} events.

In this zip
  {file}
      The events, one a row, in the order of the log.
  {file}.checkpoint
      What was signed: the size of the log and a hash over all of it (c2sp.org/tlog-checkpoint).
{proofs}  {file}.leaves
      The hash of each row. It proves nothing; it helps to name a row that was changed.
  audit-key.txt
      The public keys of the log, as the sender says.
  verify.py
      Checks all of this. It is short enough to be read first.
{extra}
How to check it, with Python 3.11 or newer and nothing else
  1. Unpack the zip.
  2. python3 -I verify.py {file} --public-key audit-key.txt

Where to have the public key from
  Whoever made up this zip could have made up audit-key.txt and verify.py with it. Have the
  public key once from elsewhere, and give that file to --public-key: from whoever runs the
  desk, by another way (manage.py audit_key prints it), or from your own earlier audit.
  Use a verify.py that you had before, or read this one.

What this shows
{shows}

What it does not show
{shows_not}
"""

_PROOFS = """\
  {file}.proofs.json
      Hashes that stand for the events that are not here, and tell nothing of them.
"""
_EXTRA = """\
  {name}
{about}
"""
_UNCHECKED = "verify.py does not check it."
_ROWS = """\
  Each row was in the log, at its place and word for word as it is here, when the
  checkpoint was signed."""
_WHOLE = """\
  These are all events of the log up to then: none is missing."""
_PART = """\
  - That no event is missing that should be in this part. Only the whole log shows that."""
_REWRITTEN = """\
  - That the log was not rewritten from its beginning and signed anew, by its owner or by
    whoever stole the key. A checkpoint shows it that you kept from earlier, or that was
    sent to a place which the desk cannot change: give that file to --checkpoint."""
_CUTS = (
    "This part can be held against a checkpoint of {sizes} events. To hold it against one of another SIZE, ask for "
    "the same part again with that size (manage.py export_audit{options} --consistent-with SIZE)."
)
_TRUE = """\
  - That what an event says is true. The column "summary" is for people, and no part of what
    is hashed."""


def text(
    selection: Selection,
    checkpoint: Checkpoint,
    file: str,
    cuts: Collection[int],
    extra: Mapping[str, str] | None = None,
) -> str:
    """The page, in English. `file` is the name of the rows, `cuts` are the earlier sizes that a part can be compared
    with, `extra` says of what else is in the zip (file name → a sentence or none)."""
    part = not selection.whole
    options = f" --case {selection.case}" if selection.case else " …"
    sizes = _CUTS.format(sizes=", ".join(map(str, cuts)) or "the same number of", options=options)
    return _PAGE.format(
        what=_what(selection),
        log=checkpoint.note.partition("\n")[0],
        size=checkpoint.size,
        file=file,
        proofs=_PROOFS.format(file=file) if part else "",
        extra="".join(
            _EXTRA.format(name=name, about=_filled(f"{said} {_UNCHECKED}".strip(), 6))
            for name, said in (extra or {}).items()
        ),
        shows=_ROWS if part else f"{_ROWS}\n{_WHOLE}",
        shows_not="\n".join([_PART, _REWRITTEN, _filled(sizes, 4), _TRUE]) if part else f"{_REWRITTEN}\n{_TRUE}",
    )


def _filled(text: str, indent: int) -> str:
    """In lines of at most 90 characters. No word is broken: options and names stay what they are."""
    blank = " " * indent
    lines = textwrap.wrap(
        text, 90, initial_indent=blank, subsequent_indent=blank, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)


def _what(selection: Selection) -> str:
    said = []
    if selection.case:
        said.append(f"of the case {selection.case}")
    if selection.actor:
        said.append(f"by {selection.actor}")
    if selection.action:
        said.append(f"with the action {selection.action}")
    if selection.since:
        said.append(f"from {timestamp(selection.since)} on")
    if selection.until:
        said.append(f"before {timestamp(selection.until)}")
    if selection.after_index is not None:
        said.append(f"beyond index {selection.after_index}")
    return f"The events {', '.join(said)}," if said else "The whole audit trail"
