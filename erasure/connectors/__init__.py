"""The registry: every connector Erasure Desk knows, by its key in the vendor file."""

from .acoustic import AcousticExchange
from .acquia import Acquia
from .apptus import Apptus
from .base import Connector
from .manual import Manual

REGISTRY: dict[str, type[Connector]] = {
    connector.key: connector for connector in (Apptus, Acquia, AcousticExchange, Manual)
}
