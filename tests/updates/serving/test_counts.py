"""What is answered is counted, exactly and through failures of Valkey."""

import pytest
import redis

from updates.models import Deployment
from updates.serving import counts
from updates.serving.scorer import Scorer

ROWS = [{"item": "i3", "user": "u1"}, {"item": "i7", "user": "u2"}]


@pytest.fixture
def scorer():
    return Scorer()


def counted():
    deployment = Deployment.objects.get(ended_at=None)
    return deployment.scored_requests, deployment.scored_rows, deployment.scored_users


def test_flushed_counts_add_up_over_processes(recommender, live, scorer):
    other = Scorer()
    scorer.score(recommender, ROWS)
    other.score(recommender, ROWS[:1])
    scorer.counts.flush()
    other.counts.flush()
    assert counted() == (2, 3, 2)


def test_a_flush_with_nothing_new_changes_nothing(recommender, live, scorer):
    scorer.score(recommender, ROWS)
    scorer.counts.flush()
    scorer.counts.flush()
    assert counted() == (1, 2, 2)


def test_users_are_counted_later_where_valkey_does_not_answer(
    recommender, live, scorer, monkeypatch
):
    def away(seconds=0.0):
        raise redis.ConnectionError("away")

    scorer.score(recommender, ROWS)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(counts, "impatient", away)
        scorer.counts.flush()
    assert counted() == (1, 2, None)
    scorer.counts.flush()
    assert counted() == (1, 2, 2)


def test_names_of_users_are_not_kept(recommender, live, scorer, valkey):
    scorer.score(recommender, [{"item": "i3", "user": "ada-lovelace"}])
    scorer.counts.flush()
    [key] = valkey.keys("*:served-users:*")
    assert b"ada-lovelace" not in valkey.get(key)
    assert valkey.ttl(key) > 0
