"""The vector in force, as recommendations go by it."""

from datetime import UTC, datetime

import pytest

from tests.updates.flows.conftest import append, update  # noqa: F401
from updates.flows.refresh_user import Sent, refresh_user, user_vector
from updates.models import UpdatePolicy
from updates.samples.devices import Devices
from updates.samples.durable import LogUnavailable
from updates.serving import scorer
from updates.serving.loader import version_weights


@pytest.fixture
def films(transactional_db, make_recommender, append, update):  # noqa: F811
    recommender = make_recommender("films", "factors")
    append(recommender, 300)
    assert update(recommender).state == "promoted"
    UpdatePolicy.objects.create(recommender=recommender, name="devices", strategy="client")
    return recommender


def send(films, item, label=1, user="new"):
    now = datetime.now(UTC)
    row = {"id": item, "item": item, "label": label, "event_time": now.isoformat()}
    present = user_vector(films, user).vector
    return refresh_user(
        films, user, Sent(present.space_id, present.revision, 0, present.user, [row]), now
    )


def recommended(films, **more):
    return scorer.recommend(films, "new", 20, (), **more)


def test_recommendations_go_by_what_devices_sent_from_their_answer_on(films):
    before = recommended(films)
    send(films, before.items[0])
    after = recommended(films)
    assert (before.source, after.source) == ("server", "client")
    assert before.items[0] not in after.items
    assert recommended(films, repeats=True).items[0] in before.items


def test_scores_go_by_it_as_well(films):
    rows = [{"user": user, "item": f"i{n}"} for user in ("new", "u1", None) for n in (1, 2, 99)]
    before = scorer.score(films, rows).scores
    for n in range(5):
        send(films, f"i{n}", 0)
    after = scorer.score(films, rows).scores
    assert all(now < then for now, then in zip(after[:3], before[:3], strict=True))
    assert after[3:] == before[3:]


def test_without_valkey_recommendations_go_by_what_training_knows(films, monkeypatch):
    before = recommended(films)
    send(films, before.items[0])

    def silent(*args):
        raise LogUnavailable("down")

    monkeypatch.setattr(Devices, "states", silent)
    answer = recommended(films)
    assert (answer.source, answer.items, answer.scores) == ("server", before.items, before.scores)


def test_users_that_lag_behind_items_are_made_up_for(films, append, update):  # noqa: F811
    """A local update of the items alone learns what a device sent; its user does not."""
    send(films, "i1")
    items = UpdatePolicy.objects.create(
        recommender=films, name="items", strategy="local", components=["items"], trigger="manual"
    )
    run = update(films, items)
    assert run.state == "promoted", run.error
    weights = version_weights(run.result_version)
    assert weights.offset_of("items") == 301
    assert weights.offset_of("users") == 300
    scorer.process_scorer().look()
    assert user_vector(films, "new").vector.items == ["i1"]
