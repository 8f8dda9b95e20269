"""Why nothing fresh comes: the table of docs/freshness.md, and the facts behind it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from monitoring.components import components
from monitoring.fleet import fleet_freshness, log_heads
from monitoring.freshness import LiveFacts, LogFacts, Obstacles, freshness, with_cause
from monitoring.obstacles import in_the_way
from recadmin.heartbeats import MAY_BE_SILENT, Pulse
from tests.monitoring.conftest import text
from updates.flows.append_samples import append_samples
from updates.models import ComponentLease, ServingReport, UpdateRun

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs/freshness.md"
PENDING = {"yes": True, "no": False, "not known": None}


def examples():
    """The cells of each row of the table of examples."""
    table = DOCS.read_text().partition("## Examples")[2]
    rows = [re.split(r"\s*\|\s*", line.strip(" |")) for line in table.splitlines() if "|" in line]
    return rows[2:]


def at(clock):
    hour, minute = clock.split(":")
    return NOON.replace(hour=int(hour), minute=int(minute))


@pytest.mark.parametrize(
    ("learned", "samples", "arrived", "pending", "worker", "sync", "state", "cause"), examples()
)
def test_state_and_cause_are_as_documented(
    learned, samples, arrived, pending, worker, sync, state, cause
):
    live = None if learned == "–" else LiveFacts(at(learned), next_offset=101)
    log = None
    if samples != "not known":
        moment = None if arrived == "–" else at(arrived)
        log = LogFacts(int(samples), moment, moment)
    obstacles = Obstacles(sync == "broken", worker == "dead", PENDING[pending])
    fresh = freshness(live, log, objective_seconds=3600, grace_seconds=600, now=NOON)
    assert (fresh.state, with_cause(fresh, log, obstacles, NOON).cause) == (state, cause)


@pytest.fixture
def news(valkey, make_recommender, make_live, make_batch):
    """Learned up to NOON; ten samples of twenty wait."""
    found = make_recommender()
    append_samples(found, make_batch(20), batch_id="one")
    make_live(found)
    return found


def cause_of(recommender, now=None):
    now = now or timezone.now()
    return fleet_freshness([recommender], now)[recommender.pk].cause


@pytest.fixture
def run(news):
    return UpdateRun.objects.create(
        recommender=news, strategy="incremental", components=["weights"]
    )


def test_a_queued_run_that_no_worker_takes_is_said(news, run):
    assert cause_of(news) == "worker-dead"
    Pulse("runs@here", queues=("runs",)).beat()
    assert cause_of(news) == "backlog"


def test_a_worker_of_another_queue_takes_no_run(news, run):
    Pulse("online@here", queues=("online",)).beat()
    assert cause_of(news) == "worker-dead"
    UpdateRun.objects.filter(pk=run.pk).update(strategy="online")
    assert cause_of(news) == "backlog"


def test_a_worker_that_fell_silent_takes_none(news, run, time_machine):
    Pulse("runs@here", queues=("runs",)).beat()
    time_machine.move_to(timezone.now() + MAY_BE_SILENT + timedelta(seconds=1), tick=False)
    assert cause_of(news) == "worker-dead"


def test_a_run_whose_lease_has_ended_is_taken_by_nobody(news, run):
    now = timezone.now()
    run.claim("elsewhere:7", ComponentLease.acquire(run, ["weights"], now), now)
    assert cause_of(news, now) == "backlog"
    assert cause_of(news, now + timedelta(seconds=11)) == "worker-dead"


def test_only_the_component_of_the_run_waits_for_a_worker(valkey, make_recommender, make_live):
    both = make_recommender(learner="gbdt_lr")
    part = {"watermark_ms": 0, "next_offset": 1, "run": None, "space_id": None}
    make_live(both, components={"trees": part, "lr": part})
    UpdateRun.objects.create(recommender=both, strategy="local", components=["trees"])
    now = timezone.now()
    heads = log_heads([both])
    obstacles = in_the_way([both], now)
    found = components(both, now, heads[both.pk], None, obstacles)
    assert {part.name: part.fresh.cause == "worker-dead" for part in found} == {
        "trees": True,
        "lr": False,
    }


def test_a_process_that_could_not_load_the_live_version_is_said(news):
    ServingReport.objects.create(
        recommender=news,
        process="web:1",
        wanted=news.live_version,
        error="Version 1 is refused.",
        reported_at=timezone.now(),
    )
    assert cause_of(news) == "sync-broken"
    assert cause_of(news, timezone.now() + timedelta(minutes=2)) == "backlog"


def test_impressions_that_wait_for_their_labels_are_said(as_operator, news, make_live):
    make_live(news, next_offset=21)
    assert cause_of(news) == "none"  # samples arrived a moment ago
    shown = {"impression": "s1", "event_time": timezone.now().isoformat(), "item": "i1"}
    sent = as_operator.post(
        "/api/v1/recommenders/news/impressions", [shown], content_type="application/json"
    )
    assert sent.status_code == 202
    assert cause_of(news) == "labels-pending"


def test_once_no_sample_has_arrived_for_longer_than_the_objective_it_is_said(news, make_live):
    make_live(news, next_offset=21)
    assert cause_of(news, timezone.now() + timedelta(minutes=59)) == "none"
    assert cause_of(news, timezone.now() + timedelta(minutes=61)) == "no-traffic"


def test_the_api_tells_the_cause(as_viewer, news):
    found = as_viewer.get("/api/v1/recommenders/news/freshness").json()
    assert (found["state"], found["cause"]) == ("stale", "backlog")
    assert as_viewer.get("/api/v1/recommenders/news").json()["freshness"]["cause"] == "backlog"


def test_the_pages_tell_the_cause(as_viewer, news):
    assert "stale backlog" in text(as_viewer.get("/recommenders/news/"))
    assert "backlog 1" in text(as_viewer.get("/"))
    assert "news" in text(as_viewer.get("/?cause=backlog"))
    assert "has no-traffic" in text(as_viewer.get("/?cause=no-traffic"))
