"""Servers are named, changed and deleted by admins; what is secret is answered once."""

import pytest

from updates.models import AuditEvent, ServingTarget

TARGETS = "recommenders/news/targets"
EDGE = {"name": "edge-eu", "url": "https://edge.example.com/deployed"}


@pytest.fixture
def edge(news):
    return ServingTarget.objects.create(recommender=news, name="edge-eu", url="https://a.example/")


def trail():
    rows = AuditEvent.objects.filter(subject="server edge-eu").order_by("pk")
    return [(row.action, row.before, row.after) for row in rows]


def test_the_answer_to_a_new_one_has_its_secrets_and_no_later_one(as_admin, news):
    made = as_admin.post(TARGETS, EDGE)
    assert made.status_code == 201
    assert made["Location"] == "/api/v1/recommenders/news/targets/edge-eu"
    assert made.json()["secret"].startswith("whsec_")
    assert made.json()["token"]
    assert (made.json()["state"], made.json()["version"]) == ("idle", None)
    for later in (as_admin.get(TARGETS), as_admin.get(f"{TARGETS}/edge-eu")):
        assert made.json()["secret"] not in later.content.decode()
        assert made.json()["token"] not in later.content.decode()


def test_a_name_is_given_once_a_recommender(as_admin, edge, make_recommender):
    answer = as_admin.post(TARGETS, EDGE)
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"field": "name", "error": "Is taken."}]
    make_recommender("films")
    assert as_admin.post("recommenders/films/targets", EDGE).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://edge.example.com/"),
        ("url", "https://ann:word@edge.example.com/"),
        ("name", "edge eu"),
        ("swap_within_seconds", 0),
        ("swap_within_seconds", 90_000),
        ("nonce", "x"),
    ],
)
def test_what_is_wrong_is_named(field, value, as_admin, news):
    answer = as_admin.post(TARGETS, EDGE | {field: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not ServingTarget.objects.exists()


def test_its_name_stays_and_the_rest_can_be_changed(as_admin, edge):
    change = {"url": "", "enabled": False, "swap_within_seconds": 300}
    answer = as_admin.patch(f"{TARGETS}/edge-eu", change)
    assert answer.json()["state"] == "off"
    assert answer.json()["swap_within_seconds"] == 300
    assert as_admin.patch(f"{TARGETS}/edge-eu", {"name": "other"}).status_code == 400


def test_other_secrets_are_answered_once_too(as_admin, edge):
    before = edge.secret
    made = as_admin.post(f"{TARGETS}/edge-eu/rotate-secret").json()
    edge.refresh_from_db()
    assert made == {"secret": edge.secret, "token": edge.token}
    assert edge.secret != before


def test_what_is_done_to_it_is_in_the_trail_without_the_secrets(as_admin, news):
    made = as_admin.post(TARGETS, EDGE).json()
    as_admin.patch(f"{TARGETS}/edge-eu", {"enabled": False})
    other = as_admin.post(f"{TARGETS}/edge-eu/rotate-secret").json()
    as_admin.delete(f"{TARGETS}/edge-eu")
    created, disabled, rotated, deleted = trail()
    assert (created[0], created[2]["url"]) == ("created", EDGE["url"])
    assert disabled == ("changed", {"enabled": True}, {"enabled": False})
    assert rotated[0] == "changed"
    assert rotated[1].keys() == rotated[2].keys() == {"secret"}
    assert rotated[1] != rotated[2]
    assert deleted[0] == "deleted"
    assert set(AuditEvent.objects.filter(action="deleted").values_list("actor")) == {("admin",)}
    for secret in (made["secret"], made["token"], other["secret"], other["token"]):
        assert secret not in str(trail())


def test_its_own_word_is_no_change_of_configuration(as_operator, edge, deployed):
    event = as_operator.get("recommenders/news/deployments/events").json()["events"][0]
    before = AuditEvent.objects.count()
    said = {"target": "edge-eu", "state": "swapped", "version": event["version"]}
    path = f"recommenders/news/deployments/events/{event['id']}/acknowledge"
    assert as_operator.post(path, said).status_code == 200
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("count", [1, 8])
def test_many_cost_as_many_queries_as_one(count, as_viewer, news, django_assert_max_num_queries):
    for i in range(count):
        ServingTarget.objects.create(recommender=news, name=f"edge-{i}")
    with django_assert_max_num_queries(6):
        assert len(as_viewer.get(TARGETS).json()["results"]) == count
