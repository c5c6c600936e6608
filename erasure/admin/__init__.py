"""The admin: fetches, calls one function of intake, lifecycle or vendors, and shows what came of it. No rule here."""

from django.contrib import admin

from . import case, queue, records, vendor

__all__ = ["case", "queue", "records", "vendor"]

admin.site.disable_action("delete_selected")
