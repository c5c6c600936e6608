"""Work without an API: a person carries it out and confirms it by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from .base import Connector, Operation, option


class Manual(Connector):
    """A system that only people can reach. Its sub-tasks wait for somebody to confirm them; nothing is ever sent."""

    key = "manual"
    label = _("By hand")
    about = _(
        "For a system without an API: erases, restricts and exports through a person, who follows your instructions "
        "and confirms each case. By any identifier that you name. Nothing is sent, so no host has to be allowed."
    )
    by_hand = True

    @dataclass(frozen=True)
    class Options:
        instructions: str = option(
            _("Instructions"), help=_("Where and how, for whoever does the work; what is to be done is said before it.")
        )
        accepts: tuple[str, ...] = option(
            _("Identifier kinds"), ("email",), help=_("What a person is looked up by in this system.")
        )
        usually_takes_days: int = option(
            _("Days it usually takes"),
            0,
            effect=False,
            minimum=0,
            maximum=365,
            help=_("From the approval to the confirmation: for the expected date that staff see. 0: not known."),
        )

    def takes(self, operation: Operation) -> timedelta | None:
        return timedelta(days=self.options.usually_takes_days) if self.options.usually_takes_days else None

    @property
    def accepts(self) -> Mapping[str, str]:
        return {kind: kind for kind in self.options.accepts}

    def instructions(self, operation: Operation) -> str:
        """What to do comes first: the same instructions serve every operation."""
        return f"{Operation(operation).label}: {self.options.instructions}".strip(": ")
