"""What people see of a desk that lacks a part of its installation, such as its key ring."""

import logging
from collections.abc import Callable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = logging.getLogger(__name__)


class Unavailable:
    """A page that says so, in the place of an error; the log has the one line that says what is lacking. The API has an
    answer of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ImproperlyConfigured):  # whose text names a setting and never a value
            return None
        log.error("%s", exception)
        response = render(request, "503.html", status=503)
        response["Retry-After"] = "60"
        return response
