"""A role, and nothing else, opens the admin; the role says what can be done there."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.updates.admin.conftest import address, policy_data, recommender_data
from updates.models import Recommender, UpdatePolicy

LISTS = ["recommender", "updatepolicy", "modelversion", "updaterun", "deployment", "segment"]
LISTS += ["cadencechange", "servingtarget"]
CONFIGURED = ("recommender", "updatepolicy", "servingtarget")
READ_ONLY = [name for name in LISTS if name not in CONFIGURED]


@pytest.fixture(params=["viewer", "operator", "admin"])
def anyone(request, as_viewer, as_operator, as_admin):
    """Somebody of each role in turn, signed in."""
    return {"viewer": as_viewer, "operator": as_operator, "admin": as_admin}[request.param]


def test_each_role_reads_every_list(anyone):
    for name in LISTS:
        assert anyone.get(address(f"{name}_changelist")).status_code == 200, name


def test_a_role_suffices_to_sign_in(viewer):
    viewer.is_staff = False
    viewer.save(update_fields=["is_staff"])
    client = Client()
    data = {"username": "viewer", "password": "password", "next": reverse("admin:index")}
    assert client.post(reverse("admin:login"), data).url == reverse("admin:index")
    assert client.get(reverse("admin:index")).status_code == 200


def test_staff_status_without_a_role_opens_nothing(as_outsider, outsider):
    outsider.is_staff = True
    outsider.save(update_fields=["is_staff"])
    assert as_outsider.get(reverse("admin:index")).status_code == 302


def test_a_viewer_changes_nothing(as_viewer, recommender, hourly):
    pages = [
        address("recommender_add"),
        address("updatepolicy_add", recommender=recommender.pk),
        address("recommender_change", recommender.pk),
        address("updatepolicy_change", hourly.pk),
        address("recommender_delete", recommender.pk),
        address("updatepolicy_delete", hourly.pk),
    ]
    for page in pages:
        assert as_viewer.post(page, recommender_data() | policy_data()).status_code == 403, page


def test_a_viewer_reads_a_recommender_and_a_policy(as_viewer, recommender, hourly):
    for name, row in [("recommender", recommender), ("updatepolicy", hourly)]:
        page = as_viewer.get(address(f"{name}_change", row.pk))
        assert page.status_code == 200
        assert 'name="_save"' not in page.content.decode()


def test_an_operator_creates_and_deletes_nothing(as_operator, recommender, hourly):
    as_operator.post(address("recommender_add"), recommender_data(slug="films"))
    as_operator.post(
        address("updatepolicy_add", recommender=recommender.pk), policy_data(name="daily")
    )
    as_operator.post(address("recommender_delete", recommender.pk), {"post": "yes"})
    as_operator.post(address("updatepolicy_delete", hourly.pk), {"post": "yes"})
    assert Recommender.objects.get() == recommender
    assert UpdatePolicy.objects.get() == hourly


def test_an_operator_does_not_configure_a_recommender(as_operator, recommender):
    page = address("recommender_change", recommender.pk)
    assert as_operator.post(page, recommender_data(name="Newer")).status_code == 403


@pytest.mark.parametrize("name", READ_ONLY)
def test_not_even_an_admin_writes_history(as_admin, name):
    assert as_admin.get(address(f"{name}_add")).status_code == 403
