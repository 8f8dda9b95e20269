"""Rows to look at: versions, deployments and points, made without training where that is enough."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from tests.updates.flows.conftest import append, live, recommender, trees, update  # noqa: F401
from updates.models import Deployment, ModelVersion, UpdatePolicy

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def make_live(db):
    """``make_live(of, **fields)``: a version without files, deployed by its fiat."""

    def make(of, *, kind="promotion", started_at=None, by=None, **fields):
        fields = {
            "learner": of.learner,
            "digest": "0" * 64,
            "artifact_bytes": 2048,
            "watermark": NOW,
            "learned_ranges": [{"first_offset": 1, "last_offset": 10}],
            "next_offset": 11,
            "sparsity": {"seen": 30, "admitted": 30, "non_zero": 12, "deployed_bytes": 192},
        } | fields
        previous = of.live_version
        if previous:
            previous.move("retired", "followed by another")
        version = ModelVersion.publish(of, **fields)
        version.move("live", "as good as any")
        started_at = started_at or timezone.now()
        of.deployments.filter(ended_at=None).update(ended_at=started_at)
        of.live_version = version
        of.save(update_fields=["live_version"])
        Deployment.objects.create(
            recommender=of,
            version=version,
            previous=previous,
            kind=kind,
            reason="as good as any",
            moved_by=by,
            started_at=started_at,
        )
        return version

    return make


@pytest.fixture
def make_policy(db):
    """``make_policy(of, name="hourly", **fields)``: every hour, incremental."""

    def make(of, name="hourly", **fields):
        fields = {
            "strategy": "incremental",
            "trigger": "interval",
            "interval_seconds": 3600,
        } | fields
        return UpdatePolicy.objects.create(recommender=of, name=name, **fields)

    return make


def text(response):
    """The words of a page, as a reader sees them in a row."""
    import re
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())
