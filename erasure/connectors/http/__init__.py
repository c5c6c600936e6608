"""The only place that talks HTTP. A step gets an `Http`, which makes one call and then is spent.

addresses    which hosts and which IP addresses may be called
wire         one connection: the checked address, the total deadline, a bounded head
client       Http, and Preview, which shows a call instead of making it
verdicts     what a failure or a status means to the engine
strict       JSON without surprises
transcript   what staff may see of an exchange
"""

from .addresses import Network, check_base_url
from .client import Download, Http, PreparedCall, Preview, Previewed, Reply, Sink, basic, bearer
from .transcript import Transcript

__all__ = [
    "Download",
    "Http",
    "Network",
    "PreparedCall",
    "Preview",
    "Previewed",
    "Reply",
    "Sink",
    "Transcript",
    "basic",
    "bearer",
    "check_base_url",
]
