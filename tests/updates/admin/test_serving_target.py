"""Servers are named in the admin, by admins; what is secret of one is shown once."""

from tests.updates.admin.conftest import address, told
from updates.models import AuditEvent, ServingTarget

EDGE = {
    "name": "edge-eu",
    "url": "https://edge.example.com/",
    "swap_within_seconds": "60",
    "enabled": "on",
}


def test_who_names_one_is_shown_its_secrets_once(as_admin, recommender):
    data = EDGE | {"recommender": recommender.pk}
    answer = as_admin.post(address("servingtarget_add"), data)
    target = ServingTarget.objects.get()
    assert target.secret in told(answer)
    assert target.token in told(answer)
    # The first page shows the message, no later one does.
    as_admin.get(address("servingtarget_changelist"))
    page = as_admin.get(address("servingtarget_change", target.pk)).content.decode()
    assert "edge-eu" in page
    assert target.secret not in page
    assert AuditEvent.objects.first().subject == "server edge-eu"


def test_an_address_that_is_none_is_told_at_its_field(as_admin, recommender):
    data = EDGE | {"recommender": recommender.pk, "url": "ftp://edge.example.com/"}
    answer = as_admin.post(address("servingtarget_add"), data)
    assert "Must begin with https:// or http://" in answer.content.decode()


def test_what_it_serves_meanwhile_is_not_undone_by_a_change(as_admin, recommender, make_version):
    target = ServingTarget.objects.create(recommender=recommender, name="edge-eu")
    make_version()
    page = address("servingtarget_change", target.pk)
    ServingTarget.objects.update(swapped=recommender.deployments.get())
    as_admin.post(page, EDGE | {"swap_within_seconds": "90"})
    target.refresh_from_db()
    assert (target.swap_within_seconds, target.swapped) == (90, recommender.deployments.get())


def test_other_secrets_are_shown_once_too(as_admin, recommender):
    target = ServingTarget.objects.create(recommender=recommender, name="edge-eu")
    before = target.secret
    action = {"action": "rotate_secret", "_selected_action": [target.pk]}
    answer = as_admin.post(address("servingtarget_changelist"), action)
    target.refresh_from_db()
    assert target.secret != before
    assert target.secret in told(answer)


def test_lower_roles_look_and_change_nothing(as_viewer, as_operator, recommender):
    target = ServingTarget.objects.create(recommender=recommender, name="edge-eu")
    for client in (as_viewer, as_operator):
        assert client.get(address("servingtarget_changelist")).status_code == 200
        assert client.get(address("servingtarget_add")).status_code == 403
        page = address("servingtarget_change", target.pk)
        assert client.post(page, EDGE).status_code == 403
