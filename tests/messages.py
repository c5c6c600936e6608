"""The desk's texts and their translations, in pure Python: `python -m tests.messages` (`make messages`).

Collects every text that the code and the templates mark, brings each language's `django.po` up to date with them, and
compiles it. A text belongs to the nearest `locale/` above it, what has none to `templates/locale/`, as with Django's
own makemessages; a text of several of them is translated in the first alone, so that nobody translates it twice."""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de",)
#: Where translations are, and so which texts they hold; what has none nearer goes to the last.
PLACES = [ROOT / "erasure", ROOT / "compliance/audit", ROOT / "compliance/staff", ROOT / "compliance/vault"]
PLACES += [ROOT / "templates"]
_ONE, _IN_CONTEXT = None, ((1, "c"), 2)
KEYWORDS = {
    **dict.fromkeys(("_", "_t", "gettext", "gettext_lazy", "gettext_noop"), _ONE),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), _IN_CONTEXT),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_NO_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_HEADER = """\
# German for Erasure Desk.
# What the words of the desk are called: docs/translating.md. `make messages` brings this file up to date."""


def sources() -> Iterator[Path]:
    for folder in ("compliance", "erasure", "templates"):
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".html", ".txt"))


def home(source: Path) -> Path:
    return next((place for place in PLACES if place in source.parents), PLACES[-1])


def marked(source: Path) -> Iterator[tuple[str | tuple[str, str], str | None]]:
    """The texts of a file: each (or its singular and plural), and its context."""
    text = source.read_text()
    if source.suffix != ".py":
        # Without its indentation, which follows the page and would be none for Python.
        text = "\n".join(line.strip() for line in templatize(text, origin=str(source)).splitlines())
    for _line, function, messages, _comments in extract_python(io.BytesIO(text.encode()), list(KEYWORDS), [], {}):
        given = messages if isinstance(messages, tuple) else (messages,)
        spec = KEYWORDS[function]
        context = given[0] if function.startswith(("p", "np")) else None
        texts = given[1:] if context is not None else given
        count = 2 if spec in ((1, 2), ((1, "c"), 2, 3)) else 1
        if texts and all(isinstance(part, str) and part for part in texts[:count]):
            yield (texts[0], texts[1]) if count == 2 else texts[0], context


@cache
def extracted() -> dict[Path, Catalog]:
    """What each place has to translate, in the order of the files."""
    found = {place: Catalog() for place in PLACES}
    taken: set[tuple[str, str | None]] = set()
    # A text of several places stands in the first. A plural before its singular: it serves for both.
    everything = sorted(
        ((home(source), *each) for source in sources() for each in marked(source)),
        key=lambda item: PLACES.index(item[0]),
    )
    for plural in (True, False):
        for place, message, context in everything:
            key = (message[0] if isinstance(message, tuple) else message, context)
            if isinstance(message, tuple) == plural and key not in taken:
                taken.add(key)
                found[place].add(message, context=context)
    return found


def po_file(place: Path, language: str) -> Path:
    return place / "locale" / language / "LC_MESSAGES" / "django.po"


def translated(place: Path, language: str) -> Catalog:
    path = po_file(place, language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def renewed(texts: Catalog, known: Catalog, language: str) -> Catalog:
    """`texts` with the translations that are `known`; a new text has none."""
    catalog = Catalog(locale=language, header_comment=_HEADER, fuzzy=False)
    for message in texts:
        if message.id:
            old = known.get(message.id if isinstance(message.id, str) else message.id[0], context=message.context)
            kept = old.string if old and not old.fuzzy and isinstance(old.id, tuple) == message.pluralizable else None
            catalog.add(message.id, kept, context=message.context)
    return catalog


def as_po(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalog, width=120, omit_header=True, sort_output=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    head += f'"Language: {catalog.locale}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    return f"{_HEADER}\n{head}".encode() + out.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    catalog.creation_date = catalog.revision_date = _NO_DAY  # the same texts make the same file
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> int:
    """Brings all files up to date; returns how many texts have no translation."""
    missing, texts = 0, extracted()
    known = {language: _all(language) for language in LANGUAGES}
    for place in PLACES:
        for language in LANGUAGES:
            path = po_file(place, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_po(renewed(texts[place], known[language], language)))
            catalog = translated(place, language)
            path.with_suffix(".mo").write_bytes(as_mo(catalog))
            lacking = [message for message in catalog if message.id and not all(strings(message))]
            missing += len(lacking)
            print(f"{path.relative_to(ROOT)}: {len(catalog)} texts, {len(lacking)} without a translation")
    return missing


def _all(language: str) -> Catalog:
    """Every translation there is: a text may move from one place to another."""
    catalog = Catalog(locale=language)
    for place in reversed(PLACES):
        for message in translated(place, language):
            if message.id:
                catalog.add(message.id, message.string, context=message.context, flags=message.flags)
    return catalog


def strings(message) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    return message.string if isinstance(message.string, tuple) else (message.string,)


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure()
    django.setup()
    sys.exit(main() > 0)
