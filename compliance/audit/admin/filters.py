"""How the list of events is narrowed, and kept from counting the whole trail."""

import re
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import ACTIONS
from compliance.audit.models import Event
from compliance.audit.record import ACTOR, actor_names, actor_of


def actor_word(text: str) -> str | None:
    """The actor that somebody means: an actor's own word as it is, else the account of that name; None if there is
    no such account."""
    if "\0" in text:  # PostgreSQL cannot even look for it
        return None
    if ACTOR.fullmatch(text):
        return text
    users = get_user_model()
    named = list(users._default_manager.filter(**{f"{users.USERNAME_FIELD}__iexact": text})[:50])
    exact = [user for user in named if user.get_username() == text] or named
    return actor_of(exact[0]) if len(exact) == 1 else None


def actor_label(word: str) -> str:
    """What to show for an actor's word that somebody typed: the account's name, or the word itself."""
    return actor_names([word])[word]


class ActionFilter(admin.SimpleListFilter):
    """The actions we know, from the code: asking the database for the distinct ones would read the whole trail."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(ACTIONS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class SealedFilter(admin.SimpleListFilter):
    title = _("seal")
    parameter_name = "sealed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("sealed")), ("no", _("not yet sealed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        match self.value():
            case "yes":
                return queryset.filter(pending=None)
            case "no":
                return queryset.exclude(pending=None)
        return queryset


class SubjectFilter(admin.SimpleListFilter):
    """What an event is about, as pages of the desk ask for it; offered only once it was asked for."""

    title = _("about")
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = self.used_parameters.get(self.parameter_name)
        return [(asked, asked)] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        if not (subject := self.value()):
            return queryset
        # Such events are of no case (one that looks at a case names it by its reference): an index holds just these.
        apart = {"case": ""} if re.match("(user|vendor|token|group):|case:[A-Z]", subject) else {}
        return queryset.filter(subject=subject, **apart)


class ActorFilter(admin.SimpleListFilter):
    """Who did it, as an actor's word. The box above the list (templates/admin/audit/event/search_form.html) takes an
    account's name by POST and leads here, so that no name gets into an address."""

    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = self.used_parameters.get(self.parameter_name)
        return [(asked, actor_label(asked))] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(actor=self.value()) if self.value() else queryset


class BoundedPaginator(Paginator):
    """Counts, and pages, no further than MOST: a count of the whole trail takes as long as the trail is."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        events: Any = self.object_list
        return int(events.order_by()[: self.MOST].count())

    @property
    def is_cut(self) -> bool:
        return self.count >= self.MOST
