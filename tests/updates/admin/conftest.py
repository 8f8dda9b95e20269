"""Signed-in people, a recommender with policies, and versions that can be rolled back to."""

from datetime import UTC, datetime

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from updates.flows.append_samples import append_samples
from updates.flows.deploy import deploy
from updates.models import ModelVersion
from updates.store import artifacts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def address(name, *args, **query):
    """``address("recommender_change", 1)``: an address of the admin of ``updates``."""
    return reverse(f"admin:updates_{name}", args=args, query=query)


def told(response):
    """What the messages of an answer say."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.fixture
def recommender(make_recommender):
    return make_recommender()


@pytest.fixture
def daily(recommender):
    """A full update at three in the morning, Berlin time."""
    return recommender.policies.create(
        name="daily",
        strategy="full",
        trigger="cron",
        cron="0 3 * * *",
        timezone="Europe/Berlin",
        window_seconds=7 * 86_400,
    )


@pytest.fixture
def hourly(recommender):
    return recommender.policies.create(
        name="hourly", strategy="incremental", trigger="interval", interval_seconds=3600
    )


@pytest.fixture
def make_version(recommender):
    """``make_version()``: the next version, its artifact on disk, live."""

    def make():
        number = recommender.versions.count() + 1
        artifact = artifacts().publish(
            lambda folder: (folder / "model.txt").write_text(str(number)), {"number": number}
        )
        version = ModelVersion.publish(
            recommender,
            learner="sparse_linear",
            digest=artifact.digest,
            artifact_bytes=artifact.bytes,
            learned_ranges=[{"first_offset": 1, "last_offset": number}],
            next_offset=number + 1,
            metrics={"candidate": {"ne": 0.9}},
        )
        deploy(version, kind="promotion", reason="better")
        recommender.refresh_from_db()
        return version

    return make


def recommender_data(**changed):
    """A filled-in form of a recommender."""
    return {
        "name": "News",
        "slug": "news",
        "schema": '{"user": "user", "item": "item"}',
        "learner": "sparse_linear",
        "learner_options": "{}",
        "freshness_objective_seconds": "3600",
        "grace_seconds": "600",
        "freshness_slo": "0.99",
        "when_stale": "serve",
        "fallback": "",
        "feature_objective_seconds": "",
        "keep_versions": "50",
        "slices": "",
        "delayed_feedback": "wait",
        "negative_sampling_rate": "1",
        "join_window_seconds": "600",
        "feedback_horizon_seconds": "86400",
        "early_feedback_seconds": "300",
    } | changed


def policy_data(**changed):
    """A filled-in form of a policy."""
    return {
        "name": "hourly",
        "strategy": "incremental",
        "components": [],
        "trigger": "interval",
        "interval_seconds": "3600",
        "cron": "",
        "timezone": "UTC",
        "every_samples": "",
        "rest_seconds": "",
        "max_ne_degradation": "",
        "enabled": "on",
        "window_seconds": "",
        "replay_fraction": "0",
        "sync_interval_ms": "100",
        "checkpoint_seconds": "10",
        "version_every_minutes": "10",
        "refresh_seconds": "10",
        "sends": "interactions",
        "offline_seconds": "604800",
        "min_samples": "1",
        "holdout_samples": "1000",
        "max_ne_increase": "0.01",
        "max_slice_ne_increase": "",
        "min_calibration": "0.5",
        "max_calibration": "2",
        "max_score_shift": "",
        "max_deployed_bytes": "",
        "max_score_ms": "",
        "canary_seconds": "",
        "canary_share": "0.1",
    } | changed


def errors(response):
    """The errors of the form on an admin page, by field."""
    return response.context["adminform"].form.errors


@pytest.fixture
def append_rows(valkey, make_batch):
    """``append_rows(recommender)``: ten samples to its log."""

    def append(recommender):
        append_samples(recommender, make_batch(10), batch_id="ten")

    return append
