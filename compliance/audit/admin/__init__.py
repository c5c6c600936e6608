"""The trail in the admin: what of it is sealed and anchored, the list, one event with its proof, the export."""

from .events import EventAdmin

__all__ = ["EventAdmin"]
