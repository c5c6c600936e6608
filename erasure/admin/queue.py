"""django-q2's tables, to look at. Its own pages could resubmit, edit and delete messages, and add schedules; the desk's
work is steered from its cases, and a message is only a wake-up."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils.translation import gettext_lazy as _
from django_q.conf import Conf
from django_q.models import Failure, OrmQ, Schedule, Success

from .shared import ReadOnly

for _model in (OrmQ, Schedule, Success, Failure):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class QueuedPages(ReadOnly):
    place = 200
    list_display = ("id", "name", "func", "args", "lock")
    fields = ("id", "name", "func", "args", "lock", "key")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrmQ]:
        return super().get_queryset(request).using(Conf.ORM)


_SHOWN: Any = ("name", "func", "started", "stopped", "seconds")


class EndedPages(ReadOnly):
    place = 220
    list_display = _SHOWN
    list_filter = ("stopped",)
    fields = (*_SHOWN, "attempt_count")

    @admin.display(description=_("seconds"))
    def seconds(self, task: Any) -> str:
        return f"{task.time_taken():.1f}"


class FailedPages(EndedPages):
    place = 210
    list_display = (*_SHOWN, "why")
    fields = (*_SHOWN, "attempt_count", "why")

    @admin.display(description=_("why"))
    def why(self, task: Failure) -> str:
        return truncatechars(str(task.result or ""), 500)


if Conf.ORM:
    admin.site.register(OrmQ, QueuedPages)
admin.site.register(Failure, FailedPages)
admin.site.register(Success, EndedPages)
