"""Policies of strategy client: what they need, and what goes with them."""

import pytest
from django.core.exceptions import ValidationError

from updates.flows.trigger import TriggerError, trigger
from updates.models import UpdatePolicy, UpdateRun
from updates.scheduling import tick


@pytest.fixture
def films(make_recommender):
    return make_recommender("films", "factors")


def policy(recommender, **fields):
    fields = {"name": "devices", "strategy": "client"} | fields
    return UpdatePolicy(recommender=recommender, **fields)


def errors_of(wrong):
    with pytest.raises(ValidationError) as refusal:
        wrong.full_clean()
    return refusal.value.message_dict


def test_it_is_continuous_and_of_the_users(films):
    devices = policy(films)
    devices.full_clean()
    devices.save()
    assert devices.trigger == "continuous"
    assert devices.effective_components == ["users"]
    assert devices.next_due_at is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"trigger": "interval", "interval_seconds": 60}, "trigger"),
        ({"trigger": "samples", "every_samples": 60}, "trigger"),
        ({"components": ["items"]}, "components"),
        ({"refresh_seconds": 0}, "refresh_seconds"),
        ({"refresh_seconds": 3_601}, "refresh_seconds"),
        ({"offline_seconds": 59}, "offline_seconds"),
        ({"offline_seconds": 31 * 86_400}, "offline_seconds"),
        ({"sends": "everything"}, "sends"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(films, fields, field):
    assert field in errors_of(policy(films, **fields))


def test_a_learner_without_vectors_of_users_cannot(make_recommender):
    assert "no vectors of users" in str(errors_of(policy(make_recommender()))["strategy"])


def test_there_is_one_of_a_recommender(films):
    policy(films).save()
    assert "already" in str(errors_of(policy(films, name="more"))["strategy"])


@pytest.mark.parametrize("strategy", ["full", "incremental", "online"])
def test_it_goes_with_those_that_train_users(films, strategy):
    other = policy(films, name="other", strategy=strategy)
    if strategy != "online":
        other.interval_seconds = 60
    other.save()
    policy(films).full_clean()


def test_it_goes_with_local_updates_of_users(films):
    policy(films, name="local", strategy="local", components=["users"], trigger="manual").save()
    policy(films).full_clean()


def test_it_does_not_go_with_online_learning_of_items_alone(films):
    policy(films, name="online", strategy="online", components=["items"]).save()
    (why,) = errors_of(policy(films))["components"]
    assert "Let online update users as well" in why


def test_workers_do_nothing_of_it(films, valkey):
    devices = policy(films)
    devices.save()
    tick()
    assert not UpdateRun.objects.exists()
    with pytest.raises(TriggerError):
        trigger(films, policy=devices)
    with pytest.raises(TriggerError):
        trigger(films, strategy="client")
