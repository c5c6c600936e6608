"""Hosts on which workers run."""

from django.db import models


class WorkerHost(models.Model):
    """When a worker of this host was last seen at work, by its supervisor. Those of other hosts, and web servers on a
    host without workers, know of it by this row alone."""

    name = models.CharField(max_length=255, primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
