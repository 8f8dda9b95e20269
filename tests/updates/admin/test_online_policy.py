"""Changing what is learned online, and how, in the admin while a session learns."""

import pytest

from tests.conftest import wait_until
from tests.updates.admin.conftest import address, policy_data, recommender_data
from tests.updates.flows.conftest import append, live, recommender, update  # noqa: F401
from tests.updates.flows.online import make_policy, sent_through, session
from updates.models import Checkpoint


@pytest.fixture
def policy(live):  # noqa: F811
    return make_policy(live.recommender)


def test_intervals_change_under_a_session_that_goes_on(as_admin, policy, append, valkey):  # noqa: F811
    append(policy.recommender, 200)
    with session(policy) as (run, _):
        wait_until(lambda: sent_through(valkey, policy.recommender) == 1200)
        online = {"name": policy.name, "strategy": "online", "trigger": "continuous"}
        form = policy_data(**online, interval_seconds="", checkpoint_seconds="1")
        answer = as_admin.post(address("updatepolicy_change", policy.pk), form)
        assert answer.status_code == 302
        wait_until(lambda: Checkpoint.objects.filter(next_offset=1201).exists(), 10)
        run.refresh_from_db()
        assert (run.state, run.attempt) == ("running", 1)


def test_other_options_of_the_learner_end_the_session_for_another(
    as_admin,
    policy,
    append,  # noqa: F811
    valkey,
):
    append(policy.recommender, 200)
    news = policy.recommender
    with session(policy) as (run, thread):
        wait_until(lambda: sent_through(valkey, news) == 1200)
        form = recommender_data(
            name=news.name,
            slug=news.slug,
            schema=as_admin.get(address("recommender_change", news.pk))
            .context["adminform"]
            .form["schema"]
            .value(),
            learner_options='{"alpha": 0.25}',
        )
        answer = as_admin.post(address("recommender_change", news.pk), form)
        assert answer.status_code == 302
        thread.join(2)
        assert not thread.is_alive()
    run.refresh_from_db()
    assert run.state == "queued"
    assert "has changed" in run.transitions.last().why
