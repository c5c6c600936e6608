"""`vendors load FILE` and `vendors check`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from erasure import vendors
from erasure.errors import Invalid
from erasure.models import Vendor


class Command(BaseCommand):
    help = "Vendor accounts: load them from a JSON file, or test each connection (nothing is written at a vendor)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="create or update accounts, by name; keys left out keep their value")
        load.add_argument("file", type=Path)
        check = actions.add_parser("check", help="test each enabled account's connection")
        check.add_argument("name", nargs="*", help="only these accounts, by short name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "load":
            self._load(options["file"])
        else:
            self._check(options["name"])

    def _load(self, path: Path) -> None:
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        except ValueError:
            raise CommandError(f"{path} is not JSON. Nothing was changed.") from None
        if not isinstance(entries, list):
            raise CommandError(f"{path} must hold a list of vendor accounts. Nothing was changed.")
        try:
            saved = vendors.load([_with_files(entry) for entry in entries])
        except Invalid as error:
            lines = [f"  {_place(entries, pointer)}: {text}" for pointer, text in error.problems]
            raise CommandError("\n".join(["Nothing was changed:", *lines])) from None
        for vendor in saved:
            self.stdout.write(f"{vendor.slug}: {vendor.name} ({vendor.connector})")

    def _check(self, names: list[str]) -> None:
        accounts = Vendor.objects.filter(enabled=True)
        if names:
            accounts = Vendor.objects.filter(slug__in=names)
            if missing := set(names) - {vendor.slug for vendor in accounts}:
                raise CommandError(f"There is no vendor account {', '.join(sorted(missing))}.")
        if not accounts:
            raise CommandError("There is no vendor account that is enabled: vendors load FILE makes some.")
        failed = 0
        for vendor in accounts:
            worked, text = vendors.test(vendor)
            failed += not worked
            self.stdout.write(f"{vendor.slug}: {'ok' if worked else 'FAILED'}: {text}")
        if failed:
            raise CommandError(f"{failed} of {len(accounts)} accounts cannot be reached.")


def _with_files(entry: Any) -> Any:
    """`<name>_file` among the credentials names a file that holds the credential."""
    if not isinstance(entry, dict) or not isinstance(entry.get("credentials"), dict):
        return entry
    credentials = {}
    for name, value in entry["credentials"].items():
        if name.endswith("_file") and isinstance(value, str):
            try:
                value = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "it is not text in UTF-8"
                raise CommandError(
                    f"{entry.get('name')}: the file {value} of the credential {name.removesuffix('_file')} cannot be "
                    f"read: {why}. Nothing was changed."
                ) from None
            name = name.removesuffix("_file")
        credentials[name] = value
    return {**entry, "credentials": credentials}


def _place(entries: list[Any], pointer: str) -> str:
    """A pointer with the account's name in place of its number."""
    _empty, number, *rest = pointer.split("/")
    entry = entries[int(number)]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{name or f'entry {int(number) + 1}'}{' ' if rest else ''}{'/'.join(rest)}"
