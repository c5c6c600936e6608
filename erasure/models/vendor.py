"""A configured account at a processor."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.vault.models import DataKey
from erasure.connectors import REGISTRY
from erasure.connectors.base import BadSettings, Connector, parse
from erasure.states import Pause

from .sealed import SealedModel


class Vendor(SealedModel):
    """One account. What changes an effect (connector, address, options that say so) is part of what people approve;
    pace and credentials are not. `not_before`: until when it asked to be left alone; `quota_until`: until when its
    calls of a week are used up. `lead_times`: operation → the seconds that it has lately taken, from the approval to
    the end (`erasure.lead_times`). `token_number` counts the tokens that signing in has fetched, `token_refusals` how
    often in a row one was refused."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    slug = models.SlugField(
        _("short name"), max_length=100, unique=True, help_text=_("Stable; the API names it by this.")
    )
    connector = models.CharField(_("connector"), max_length=40)
    base_url = models.CharField(_("base address"), max_length=500, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    credentials_sealed = models.BinaryField(null=True, editable=False)
    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, editable=False)
    token_sealed = models.BinaryField(null=True, editable=False)
    token_until = models.DateTimeField(null=True, editable=False)
    token_number = models.PositiveIntegerField(default=0, editable=False)
    token_refusals = models.PositiveIntegerField(default=0, editable=False)

    first_poll_seconds = models.PositiveIntegerField(_("first question after (seconds)"), default=300)
    max_poll_seconds = models.PositiveIntegerField(_("longest time between questions (seconds)"), default=6 * 3600)
    calls_per_minute = models.PositiveIntegerField(_("calls a minute"), default=60)
    calls_per_week = models.PositiveIntegerField(
        _("calls a week"), default=0, help_text=_("The vendor's quota, counted over the last seven days. 0: none.")
    )
    parallel_calls = models.PositiveIntegerField(_("calls at once"), default=2)
    gather_seconds = models.PositiveIntegerField(_("gathering time for a batch (seconds)"), default=0)

    pause = models.CharField(_("paused"), max_length=20, blank=True, choices=Pause.choices, editable=False)
    pause_note = models.CharField(max_length=500, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    trial_at = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)
    quota_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    lead_times = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("vendor account")
        verbose_name_plural = _("vendor accounts")
        ordering = ("name",)
        permissions = [("test_vendor", "Can test a vendor's connection")]
        constraints = [
            models.CheckConstraint(condition=models.Q(calls_per_minute__gte=1), name="vendor_calls_per_minute"),
            models.CheckConstraint(condition=models.Q(parallel_calls__gte=1), name="vendor_parallel_calls"),
            models.CheckConstraint(condition=models.Q(first_poll_seconds__gte=1), name="vendor_first_poll"),
            models.CheckConstraint(
                condition=models.Q(max_poll_seconds__gte=models.F("first_poll_seconds")), name="vendor_max_poll"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def _key(self) -> DataKey:
        return self.data_key

    @classmethod
    def locked(cls, pk: Any) -> "Vendor":
        """The account with its row locked. Rows that point to it may still be added meanwhile: a plan is drawn under
        its case's lock, and the engine takes a vendor's lock before a case's."""
        return cls.objects.select_for_update(of=("self",), no_key=True).select_related("data_key").get(pk=pk)

    def left_alone_until(self, now: datetime) -> datetime | None:
        """Until when nothing is sent, as the vendor asked or as its quota is used up; None if that is not so."""
        return max((at for at in (self.not_before, self.quota_until) if at and at > now), default=None)

    def speaks(self) -> Connector:
        """The connector, with this account's options. Raises `BadSettings` when stored options no longer fit."""
        cls = REGISTRY.get(self.connector)
        if cls is None:
            raise BadSettings({"connector": f"{self.connector} is not known to this release"})
        return cls(parse(cls.Options, self.options))

    def opened_credentials(self) -> Any:
        """The credentials as the connector's dataclass. Raises `vault.Unreadable` or `BadSettings`."""
        return parse(REGISTRY[self.connector].Credentials, self.unseal("credentials") or {})


class VendorChange(models.Model):
    """Who changed what an account does, and when: while a plan that it is in was open, they are an author of it."""

    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="changes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["vendor", "at"], name="vendor_change_at")]

    def __str__(self) -> str:
        return f"change of {self.vendor}"
