"""What an address of an admin list may ask for."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from compliance.staff.models import User

pytestmark = pytest.mark.django_db
LISTS = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    for model, pages in admin.site._registry.items()
    if not model._meta.app_label.startswith("django_q")
]


@pytest.fixture
def superuser(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("lookup", ["id__regex", "pk__startswith", "id__contains"])
def test_no_list_takes_a_pattern_or_a_column_that_it_does_not_filter_by(
    client: Client, superuser: None, page: str, lookup: str
) -> None:
    assert client.get(reverse(page), {lookup: "^((a+)+)+!$"}).status_code == 400


@pytest.mark.parametrize("page", LISTS)
def test_every_list_opens(client: Client, superuser: None, page: str) -> None:
    assert client.get(reverse(page)).status_code == 200


@pytest.mark.parametrize("page", LISTS)
def test_a_nul_in_an_address_is_refused(client: Client, superuser: None, page: str) -> None:
    assert client.get(reverse(page), {"q": "a\0b"}).status_code == 400
