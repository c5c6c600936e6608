"""manage.py api_reference: the lists of the README's API section, shown or written into it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from erasure.api import reference


class Command(BaseCommand):
    help = "Shows the README's lists of actions, attention codes and problem types, or writes them into it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="bring README.md up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(reference.markdown())
            return
        readme = settings.BASE_DIR / "README.md"
        try:
            text = reference.put_into(readme.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CommandError(f"README.md was not changed: {error}.") from None
        readme.write_text(text, encoding="utf-8")
