"""Creating a policy fires nothing, wherever it is created."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from tests.updates.admin.conftest import address, policy_data, told
from updates.flows.create_policy import create_policy
from updates.models import UpdatePolicy
from updates.samples.log import LogUnavailable, SampleLog
from updates.scheduling import tick

CADENCE = {"trigger": "samples", "every_samples": 100}


def by_flow(recommender, client):
    return create_policy(
        UpdatePolicy(recommender=recommender, name="hundred", strategy="full", **CADENCE)
    )


def by_admin(recommender, client):
    page = address("updatepolicy_add", recommender=recommender.pk)
    client.post(page, policy_data(name="hundred", strategy="full", **CADENCE))


def by_api(recommender, client):
    body = {
        "name": "hundred",
        "strategy": "full",
        "trigger": "samples",
        "cadence": {"every_samples": 100},
    }
    client.post(
        f"/api/v1/recommenders/{recommender.slug}/policies", body, content_type="application/json"
    )


@pytest.mark.parametrize("create", [by_flow, by_admin, by_api])
def test_a_samples_policy_on_a_filled_log_counts_from_its_creation(
    create, recommender, append, as_admin
):
    create(recommender, as_admin)
    policy = recommender.policies.get()
    tick()
    append(recommender, 99)
    tick()
    assert not policy.runs.exists()
    append(recommender, 1)
    tick()
    assert policy.runs.count() == 1


def test_an_interval_begins_at_the_creation_and_asks_no_log(make_recommender, monkeypatch):
    monkeypatch.setattr(SampleLog, "head", _fail)
    policy = UpdatePolicy(
        recommender=make_recommender(), name="hourly", strategy="full", interval_seconds=3600
    )
    create_policy(policy)
    assert policy.next_due_at - policy.created_at == pytest.approx(
        timedelta(hours=1), abs=timedelta(seconds=10)
    )


def test_who_created_it_is_in_its_history(make_recommender, admin_user):
    policy = UpdatePolicy(
        recommender=make_recommender(), name="hourly", strategy="full", interval_seconds=3600
    )
    assert create_policy(policy, by=admin_user).history.get().history_user == admin_user


def test_a_name_that_is_taken_is_refused(recommender):
    by_flow(recommender, None)
    with pytest.raises(IntegrityError):
        by_flow(recommender, None)


def test_a_log_that_does_not_answer_is_told_in_the_admin_and_nothing_is_saved(
    as_admin, make_recommender, monkeypatch
):
    monkeypatch.setattr(SampleLog, "head", _fail)
    page = address("updatepolicy_add", recommender=make_recommender().pk)
    answer = as_admin.post(page, policy_data(strategy="full", **CADENCE))
    assert "The sample log does not answer: nothing was saved." in told(answer)
    assert not UpdatePolicy.objects.exists()


def _fail(log):
    raise LogUnavailable("no answer")
