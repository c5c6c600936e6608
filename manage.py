#!/usr/bin/env python
"""Erasure Desk's command line."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
    if sys.argv[1:2] == ["demo"]:
        # A demo keeps to a folder and a database of its own: it must never touch a real desk.
        os.environ["ERASURE_DESK_DEMO"] = "demo-once" if "--once" in sys.argv else "demo"
    try:
        from django.conf import settings

        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        sys.exit(f"Erasure Desk cannot start: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
