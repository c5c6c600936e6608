"""The overview, on which the desk opens: what waits, for whom, by when; how the desk is; what to set up first."""

from django.contrib import admin

from .page import overview

__all__ = ["overview"]

admin.site.index_template = "admin/erasure/home/index.html"
admin.site.overview = overview  # type: ignore[attr-defined]
