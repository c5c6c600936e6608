#!/usr/bin/env python
"""Erasure Desk's command line."""

import os
import re
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand
from django.db import OperationalError, ProgrammingError

from compliance import first_environment

WRONG_USAGE = 2


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        try:
            return super().fetch_command(subcommand)
        except SystemExit:  # Django has said that there is no such command, and leaves with 1
            sys.exit(WRONG_USAGE)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
    if sys.argv[1:2] == ["demo"]:
        # A demo keeps to a folder and a database of its own: it must never touch a real desk.
        os.environ["ERASURE_DESK_DEMO"] = "demo-once" if "--once" in sys.argv else "demo"
    if sys.argv[1:2] == ["setup"] and any(text.startswith(first_environment.OPTION) for text in sys.argv):
        sys.exit(first_environment.main(sys.argv[2:]))  # nothing else is known yet
    try:
        from django.conf import settings

        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        sys.exit(f"Erasure Desk cannot start: {error}")
    try:
        CommandLine(sys.argv).execute()
    except (ImproperlyConfigured, OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv or not (line := _one_line(error)):
            raise
        sys.exit(line)


def _one_line(error: Exception) -> str:
    """What is wrong with the installation, for the person at the terminal; empty if it is an error of the code."""
    if isinstance(error, ImproperlyConfigured):
        return f"Erasure Desk cannot do this: {error}"
    said = str(error).strip().partition("\n")[0].rstrip(".")
    if re.fullmatch(r"no such (table|column): .*|(relation|column) .* does not exist", said):
        return f"The database is not migrated ({said}). Check DATABASE_URL, then run manage.py migrate."
    if isinstance(error, OperationalError):
        return f"The database cannot be used ({said}). Check DATABASE_URL, and that the database runs and is migrated."
    return ""


if __name__ == "__main__":
    main()
