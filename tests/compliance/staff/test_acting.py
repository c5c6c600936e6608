from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from compliance.staff.acting import ActingPerson, acting, actor
from compliance.staff.models import User


@pytest.fixture
def request_of():
    def request_of(user: object):
        request = RequestFactory().get("/")
        request.user = user
        return request

    return request_of


def test_without_a_request_a_command_acts():
    assert actor() == "system:command"


def test_whoever_sends_a_request_acts_until_it_is_answered(request_of):
    seen = []
    middleware = ActingPerson(lambda request: seen.append(actor()) or HttpResponse())
    middleware(request_of(User(pk=3)))
    middleware(request_of(AnonymousUser()))
    middleware(RequestFactory().get("/"))  # no session has been looked at
    assert seen == ["user:3", "system:web", "system:web"]
    assert actor() == "system:command"


def test_a_request_that_breaks_leaves_nobody_acting(request_of):
    def view(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ActingPerson(view)(request_of(User(pk=3)))
    assert actor() == "system:command"


def test_whoever_signs_in_within_a_request_acts_from_then_on(request_of):
    request = request_of(AnonymousUser())
    with acting(request):
        assert actor() == "system:web"
        request.user = User(pk=3)
        assert actor() == "user:3"


def test_each_thread_has_its_own():
    with acting("system:migrate"), ThreadPoolExecutor(1) as pool:
        assert actor() == "system:migrate"
        assert pool.submit(actor).result() == "system:command"
