"""The admin: fetches, calls one function of intake, lifecycle or vendors, and shows what came of it. No rule here."""

from django.contrib import admin

from . import absences, alerts, bulk_page, case, home, letter_texts, queue, records, vendor

__all__ = ["absences", "alerts", "bulk_page", "case", "home", "letter_texts", "queue", "records", "vendor"]

admin.site.disable_action("delete_selected")
