"""Who acts: for what is recorded where nobody hands the person on, such as in a model or a signal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from compliance.audit.record import actor_of

_acting: ContextVar[HttpRequest | str] = ContextVar("acting", default="system:command")


def actor() -> str:
    """The actor word of whoever acts now: the person or service account of the request that is being answered,
    `system:web` where it has none, and `system:command` where there is no request (a command, a shell, a script)."""
    by = _acting.get()
    if isinstance(by, str):
        return by
    user = getattr(by, "user", None)
    return actor_of(user) if user is not None and user.is_authenticated else "system:web"


@contextmanager
def acting(by: HttpRequest | str) -> Iterator[None]:
    """Within the block, `by` acts: an actor word, or whoever sends the request by the time that something is done."""
    before = _acting.set(by)
    try:
        yield
    finally:
        _acting.reset(before)


class ActingPerson:
    """The middleware: whoever sends a request acts while it is being answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(request):
            return self.get_response(request)
