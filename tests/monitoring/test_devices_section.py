"""The recommender's page and the API tell of users' devices; the demo page says what it lacks."""

from datetime import UTC, datetime

import pytest

from monitoring.tasks import observe_devices
from tests.monitoring.conftest import text
from tests.updates.flows.conftest import append, update  # noqa: F401
from updates.flows.refresh_user import Sent, refresh_user, user_vector
from updates.models import UpdatePolicy
from updates.samples.devices import Devices
from updates.samples.durable import LogUnavailable

PAGE, PART, DEMO = "/recommenders/films/", "/recommenders/films/devices/", "/demo/films/"
API = "/api/v1/recommenders/films/devices"


@pytest.fixture
def untrained(transactional_db, make_recommender, valkey):
    return make_recommender("films", "factors", freshness_objective_seconds=3_600)


@pytest.fixture
def films(untrained, append, update):  # noqa: F811
    append(untrained, 300)
    assert update(untrained).state == "promoted"
    UpdatePolicy.objects.create(
        recommender=untrained, name="devices", strategy="client", privacy_note="We keep stars."
    )
    return untrained


def send(films, *labels, user="new"):
    now = datetime.now(UTC)
    rows = [
        {"id": f"{user}{n}", "item": f"i{n}", "label": label, "event_time": now.isoformat()}
        for n, label in enumerate(labels)
    ]
    present = user_vector(films, user).vector
    sent = Sent(present.space_id, present.revision, 0, present.user, rows)
    return refresh_user(films, user, sent, now)


def test_before_anything_was_sent_the_section_says_what_is_missing(as_viewer, films):
    words = text(as_viewer.get(PAGE))
    assert "Nobody did anything in the last day" in words
    assert "that takes interactions of both labels" in words


def test_what_was_sent_is_told_with_what_it_was_worth(as_viewer, films):
    send(films, 1, 0, 1)
    observe_devices()
    words = text(as_viewer.get(PART))
    assert "Interactions 3" in words
    assert "merged 1 requests" in words
    assert "On fresh vectors 100.0 %" in words
    assert "up to 10 s ago 1 0" in words
    assert "of normalized entropy" in words
    answer = as_viewer.get(API).json()
    assert answer["interactions"] == 3
    assert answer["users"]["ages"][0] == {"up_to_seconds": 10, "client": 1, "server": 0}
    assert answer["lift"]["ne_gain"] is not None


def test_the_share_of_fresh_users_is_a_series_with_a_chart(as_viewer, films):
    send(films, 1)
    observe_devices()
    points = as_viewer.get("/api/v1/recommenders/films/metrics?name=fresh_user_share").json()
    assert [value for _, value in points["points"]] == [1.0]
    assert "Users on fresh vectors" in text(as_viewer.get(PAGE))


def test_without_a_policy_there_is_no_section_and_nobody_is_looked_at(as_viewer, untrained):
    assert 'id="devices-title"' not in as_viewer.get(PAGE).content.decode()
    observe_devices()
    assert as_viewer.get(API).json()["users"] is None


def test_a_silent_valkey_leaves_the_page_standing(as_viewer, films, monkeypatch):
    def silent(*args):
        raise LogUnavailable("down")

    monkeypatch.setattr(Devices, "counts", silent)
    assert "What devices send lies in Valkey" in text(as_viewer.get(PAGE))
    assert as_viewer.get(API).status_code == 503


def test_the_demo_page_is_for_operators(as_viewer, as_operator, films):
    assert as_viewer.get(DEMO).status_code == 403
    assert as_viewer.get(f"{DEMO}token/").status_code == 403
    words = text(as_operator.get(DEMO))
    assert "Say what you like" in words
    assert "We keep stars." in words


def test_its_token_is_of_the_visitor_s_own_user(as_operator, films):
    answer = as_operator.get(f"{DEMO}token/")
    assert "no-store" in answer["Cache-Control"]
    header = {"HTTP_AUTHORIZATION": f"Client {answer.json()['token']}"}
    address = "/api/v1/recommenders/films/users/demo:operator/embedding"
    assert as_operator.get(address, **header).json()["user"] == "demo:operator"
    other = as_operator.get(address.replace("operator", "someone"), **header)
    assert other.status_code == 403


def test_without_a_policy_the_demo_page_says_how_to_add_one(as_operator, untrained):
    assert "Add one" in text(as_operator.get(DEMO))


def test_without_a_live_version_the_demo_page_says_so(as_operator, untrained):
    UpdatePolicy.objects.create(recommender=untrained, name="devices", strategy="client")
    assert "has no live version yet" in text(as_operator.get(DEMO))


def test_of_another_learner_the_demo_page_says_which_one_it_takes(as_operator, make_recommender):
    make_recommender("films")
    assert "factors has" in text(as_operator.get(DEMO))
