"""The ways of a case through a vendor that the matrix takes: each a shop, its settings, its steps and their effects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erasure.sandbox import Acoustic, Acquia, Apptus, Entry, StandIn
from tests.erasure.worker.shop import AcousticShop, AcquiaShop, AgainShop, ApptusShop, Shop

TEN_YEARS = 3650 * 86_400  # seconds
POLL = 36 * 3600  # seconds; no job takes longer, so each is asked about once or twice
SLOW_POLLS = {"first_poll_seconds": POLL, "max_poll_seconds": POLL, "calls_per_minute": 6000, "parallel_calls": 4}


class Turned(Shop):
    """The vendor's clock goes with the desk's, so its journal tells the desk's time."""

    pace = SLOW_POLLS

    def at(self, entry: Entry) -> str:
        return entry.clock.isoformat()

    def busy(self) -> bool:
        return False  # the rig turns both clocks

    def wait_for_the_vendor(self, turn: Callable[[float], None]) -> None:
        """Where a person confirms what the vendor did: turns time on to when it has."""


class Exporting(Turned, ApptusShop):
    """Erases, after an export."""


class Removing(Turned, ApptusShop):
    """Erases without an export."""

    effects_of = {"start_removal": ("removal_started", 1)}

    def options(self) -> dict[str, Any]:
        return {"export_before_erasing": False}

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        assert {entry.effect for entry in self.effects(customer)} == {"removal_started"}


class Again(Turned, AgainShop):
    """Erases, and asks a day later whether anything is held."""

    def options(self) -> dict[str, Any]:
        return {"ask_again_after_seconds": 86_400}


class HandingOver(Turned, ApptusShop):
    """Exports and leaves what is held."""

    request, outcome = "export", "exported"
    effects_of = {"start_export": ("export_started", 1), "fetch_export": ("export_fetched", 1)}

    def done(self, customer: str) -> bool:
        return self.holds(customer)

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        assert "removal_started" not in {entry.effect for entry in self.effects(customer)}


class Listing(Turned, AcousticShop):
    """Erases with output, in two files."""


class Unlisted(Turned, AcousticShop):
    """Erases without output."""

    outcome = "processed"
    effects_of = {"create_job": ("job_created", 1), "upload": ("data_received", 1)}

    def options(self) -> dict[str, Any]:
        return {"generate_output": False}

    def hold_to_its_own(self, customer: str, reference: str) -> None:
        entries = self.lately()
        assert not [entry for entry in entries if entry.method == "DELETE"], "nothing was listed: nothing is to delete"
        assert len({entry.job for entry in entries if entry.effect == "data_received"}) == 1


class Restricting(Unlisted):
    """Exchange does not say whom it has restricted."""

    request = "restriction"

    def done(self, customer: str) -> bool:
        return self.holds(customer) and f"x1-{customer}" in self.vendor.restricted


class Lifting(Restricting):
    request = "lift_restriction"

    def hold(self, customer: str) -> None:
        super().hold(customer)
        self.vendor.restricted.add(f"x1-{customer}")

    def done(self, customer: str) -> bool:
        return self.holds(customer) and f"x1-{customer}" not in self.vendor.restricted


class Attested(Turned, AcquiaShop):
    """Five cases in one call; a person confirms the end."""

    def wait_for_the_vendor(self, turn: Callable[[float], None]) -> None:
        turn(self.vendor.acting.total_seconds())

    def act(self) -> None:
        """It has by then."""


class AskedAgain(Turned, AcquiaShop):
    """Five cases in one call, which is made again until nothing is found."""

    def options(self) -> dict[str, Any]:
        again = int(self.vendor.acting.total_seconds()) + 86_400
        return super().options() | {"completion": "rerequest", "rerequest_after_seconds": again}

    def has_ended(self, case: Mapping[str, Any]) -> bool:
        return bool(case["status"] != "in_progress")

    def confirm(self, *references: str) -> None:
        """The vendor has been asked."""


@dataclass(frozen=True)
class Way:
    """`steps` are those that make a call, in their order; `downloads` those of them that take a while."""

    name: str
    shop: Callable[..., Shop]
    vendor: Callable[[], StandIn]
    steps: Sequence[str]
    downloads: Sequence[str] = ()


REAL_TIME = 1 / 86_400  # days per second: a vendor's clock goes as the desk's does


def _apptus() -> StandIn:
    return Apptus(archive_days=0, days_per_second=REAL_TIME)


def _acoustic() -> StandIn:
    return Acoustic(days_per_second=REAL_TIME)


def _acquia() -> StandIn:
    return Acquia(expires_in=TEN_YEARS, days_per_second=REAL_TIME)


EXPORT = ("start_export", "await_export", "fetch_export")
REMOVAL = ("start_removal", "await_removal")
AGAIN = ("start_again", "await_again", "fetch_again")
JOB = ("create_job", "await_intake", "upload", "await_result")
FILES = ("fetch_file", "delete_file", "complete")

WAYS = (
    Way("apptus, erasure", Exporting, _apptus, (*EXPORT, *REMOVAL), ("fetch_export",)),
    Way("apptus, erasure without export", Removing, _apptus, REMOVAL),
    Way("apptus, asked again", Again, _apptus, AGAIN, ("fetch_again",)),
    Way("apptus, export", HandingOver, _apptus, EXPORT, ("fetch_export",)),
    Way("acoustic, erasure", Listing, _acoustic, (*JOB, *FILES), ("fetch_file",)),
    Way("acoustic, erasure without output", Unlisted, _acoustic, JOB),
    Way("acoustic, restriction", Restricting, _acoustic, JOB),
    Way("acoustic, lifting a restriction", Lifting, _acoustic, JOB),
    Way("acquia, erasure, confirmed by hand", Attested, _acquia, ("sign_in", "submit")),
    Way("acquia, erasure, asked again", AskedAgain, _acquia, ("sign_in", "submit", "ask_again")),
)
