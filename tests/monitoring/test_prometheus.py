"""/metrics: who may scrape, what is told, what it costs, and that it is documented."""

import json
import os
import re
import signal
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import promql_parser
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from monitoring import learning_lag
from monitoring.prometheus.exposition import Exposition
from monitoring.prometheus.families import FAMILIES
from recadmin.heartbeats import Pulse
from recadmin.queues import QUEUES
from updates.flows.append_samples import append_samples
from updates.models import Recommender, ServingReport, ServingTarget, UpdateRun

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "monitoring-prometheus.md"
DASHBOARD = ROOT / "grafana" / "recadmin.json"


@pytest.fixture(autouse=True)
def _own_exposition(monkeypatch):
    """Each test is a process that has been asked nothing yet."""
    monkeypatch.setattr("monitoring.views.metrics.exposition", Exposition())


@pytest.fixture
def fleet(valkey, make_recommender, make_live, make_batch, make_policy):
    """``fleet(count)``: live recommenders, each with samples, a run that ended and one that waits,
    and a process that serves it."""

    def make(count):
        first = Recommender.objects.count()
        for i in range(first, first + count):
            found = make_recommender(slug=f"news-{i}", freshness_objective_seconds=60)
            append_samples(found, make_batch(20), batch_id="one")
            learned_at = timezone.now() - timedelta(minutes=2)
            version = make_live(found, watermark=learned_at, components={"weights": {}})
            policy = make_policy(found)
            ended(found, "promoted", cpu_seconds=1.5)
            UpdateRun.objects.create(
                recommender=found,
                policy=policy,
                strategy="full",
                components=["weights"],
                cpu_seconds=0.25,
            )
            ServingReport.objects.create(
                recommender=found,
                process="web:1",
                wanted=version,
                served=version,
                followed_at=timezone.now() - timedelta(seconds=9),
                synced_at=timezone.now() - timedelta(seconds=3),
                reported_at=timezone.now(),
            )
            deployment = found.deployments.get()
            ServingTarget.objects.create(recommender=found, name="edge", swapped=deployment)

    return make


def ended(recommender, state, cpu_seconds):
    """A run that came to that end."""
    run = UpdateRun.objects.create(
        recommender=recommender, strategy="full", components=["weights"], cpu_seconds=cpu_seconds
    )
    run.claim("here:1", {}, timezone.now())
    if state == "promoted":
        run.move("evaluating")
    run.move(state)


def scraped(client):
    """Values by name and labels, such as ``recadmin_age_seconds{recommender=news-0}``."""
    response = client.get("/metrics")
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {
        name_of(sample.name, sample.labels): sample.value
        for family in families
        for sample in family.samples
    }


def name_of(name, labels):
    listed = ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
    return f"{name}{{{listed}}}" if labels else name


def of(values, name, **labels):
    """The one value of that name with those labels."""
    return values[name_of(name, labels)]


def test_it_says_how_fresh_each_recommender_is(as_viewer, fleet):
    fleet(2)
    found = scraped(as_viewer)
    news = {"recommender": "news-1"}
    assert of(found, "recadmin_age_seconds", **news) == pytest.approx(120, abs=5)
    assert of(found, "recadmin_objective_seconds", **news) == 60
    assert of(found, "recadmin_grace_seconds", **news) == 600
    assert of(found, "recadmin_backlog_samples", **news) == 10
    assert of(found, "recadmin_samples_appended_total", **news) == 20
    assert of(found, "recadmin_live_version", **news) == 1
    states = {
        state: of(found, "recadmin_freshness_state", **news, state=state)
        for state in ("fresh", "aging", "stale", "idle", "unknown")
    }
    assert states == {"fresh": 0, "aging": 1, "stale": 0, "idle": 0, "unknown": 0}


def test_it_says_how_fresh_each_component_is(as_viewer, fleet):
    fleet(1)
    found = scraped(as_viewer)
    weights = {"recommender": "news-0", "component": "weights"}
    assert of(found, "recadmin_component_age_seconds", **weights) == pytest.approx(120, abs=5)
    assert of(found, "recadmin_component_objective_seconds", **weights) == 60
    assert of(found, "recadmin_component_backlog_samples", **weights) == 10


def test_runs_are_counted_by_state_and_cost(as_viewer, fleet):
    fleet(1)
    news = {"recommender": "news-0"}
    found = scraped(as_viewer)
    assert of(found, "recadmin_active_runs", **news, state="queued") == 1
    assert of(found, "recadmin_active_runs", **news, state="running") == 0
    assert of(found, "recadmin_finished_runs_total", **news, state="promoted") == 1
    assert of(found, "recadmin_finished_runs_total", **news, state="failed") == 0
    assert of(found, "recadmin_update_cpu_seconds_total", **news) == 1.5
    assert of(found, "recadmin_active_runs_cpu_seconds", **news) == 0.25
    assert of(found, "recadmin_last_update_outcome", **news, state="promoted") == 1
    ended_at = of(found, "recadmin_last_update_timestamp_seconds", **news)
    assert ended_at == pytest.approx(time.time(), abs=5)


def test_totals_go_on_from_where_the_last_scrape_ended(as_viewer, fleet, time_machine):
    fleet(1)
    news = Recommender.objects.get()
    scraped(as_viewer)
    for minutes in (2, 4):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes), tick=True)
        ended(news, "failed", cpu_seconds=0.5)
        found = scraped(as_viewer)
    news = {"recommender": "news-0"}
    assert of(found, "recadmin_finished_runs_total", **news, state="failed") == 2
    assert of(found, "recadmin_finished_runs_total", **news, state="promoted") == 1
    assert of(found, "recadmin_update_cpu_seconds_total", **news) == 2.5
    assert of(found, "recadmin_last_update_outcome", **news, state="failed") == 1
    assert of(found, "recadmin_last_update_outcome", **news, state="promoted") == 0


def test_cost_that_is_written_after_a_run_ended_is_counted(as_viewer, fleet, time_machine):
    fleet(1)
    scraped(as_viewer)
    UpdateRun.objects.filter(state="promoted").update(cpu_seconds=7.0)
    for minutes in (0, 2):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes), tick=True)
        cpu = of(scraped(as_viewer), "recadmin_update_cpu_seconds_total", recommender="news-0")
        assert cpu == 7.0


def test_it_says_how_far_behind_the_serving_processes_are(as_viewer, fleet):
    fleet(1)
    found = scraped(as_viewer)
    news = {"recommender": "news-0"}
    assert of(found, "recadmin_serving_processes", **news, sync="synced") == 1
    assert of(found, "recadmin_serving_processes", **news, sync="failing") == 0
    assert of(found, "recadmin_serving_lag_seconds", **news) == pytest.approx(3, abs=0.5)


def test_it_says_how_far_behind_servers_are_that_are_not_ours(
    as_viewer, fleet, make_live, time_machine
):
    fleet(1)
    edge = {"recommender": "news-0", "server": "edge"}
    found = scraped(as_viewer)
    assert of(found, "recadmin_server_age_seconds", **edge) == pytest.approx(120, abs=8)
    assert of(found, "recadmin_server_behind_seconds", **edge) == 0
    make_live(Recommender.objects.get())
    time_machine.move_to(timezone.now() + timedelta(minutes=1), tick=True)
    found = scraped(as_viewer)
    assert of(found, "recadmin_server_behind_seconds", **edge) == pytest.approx(60, abs=8)


def test_learning_lag_is_in_seconds(as_viewer, fleet):
    fleet(1)
    news = Recommender.objects.get()
    lags, counts = np.array([100, 250]), np.array([98, 2])
    learning_lag.count(news.pk, lags, counts, timezone.now() - timedelta(seconds=10))
    found = scraped(as_viewer)
    for percentile, seconds in (("50", 0.1), ("95", 0.1), ("99", 0.25)):
        labels = {"recommender": "news-0", "percentile": percentile}
        assert of(found, "recadmin_learning_lag_seconds", **labels) == seconds


def test_it_says_how_workers_queues_and_beat_are(as_viewer, db, valkey):
    Pulse("runs@here", queues=("runs",)).beat(slots=2)
    Pulse("beat@here").beat()
    found = scraped(as_viewer)
    assert of(found, "recadmin_workers_alive", queue="runs") == 1
    assert of(found, "recadmin_workers_alive", queue="online") == 0
    assert of(found, "recadmin_worker_heartbeat_age_seconds", queue="runs") < 5
    assert of(found, "recadmin_beat_heartbeat_age_seconds") < 5
    assert of(found, "recadmin_queue_messages", queue="control") == 0
    assert of(found, "recadmin_queue_oldest_message_age_seconds", queue="control") == 0
    assert of(found, "recadmin_disk_free_bytes") > 0
    assert of(found, "recadmin_valkey_memory_bytes") > 0
    assert of(found, "recadmin_check_ok", check="worker-runs") == 1
    assert of(found, "recadmin_check_ok", check="worker-online") == 0
    assert not any("heartbeat_age_seconds{queue=online}" in name for name in found)


def test_a_recommender_without_a_version_has_a_state_and_no_age(
    as_viewer, valkey, make_recommender
):
    make_recommender(slug="new")
    found = scraped(as_viewer)
    assert of(found, "recadmin_freshness_state", recommender="new", state="unknown") == 1
    assert "recadmin_age_seconds{recommender=new}" not in found
    assert "recadmin_live_version{recommender=new}" not in found


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_without_valkey_ages_and_runs_are_still_told_in_time(
    how, as_viewer, fleet, valkey, valkey_server, settings
):
    fleet(1)
    server = valkey.info("server")["process_id"]
    if how == "away":
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
    else:
        os.kill(server, signal.SIGSTOP)
    started = time.monotonic()
    try:
        found = scraped(as_viewer)
    finally:
        os.kill(server, signal.SIGCONT)
    assert time.monotonic() - started < 5
    assert of(found, "recadmin_check_ok", check="valkey") == 0
    news = {"recommender": "news-0"}
    assert of(found, "recadmin_age_seconds", **news) == pytest.approx(120, abs=8)
    assert of(found, "recadmin_finished_runs_total", **news, state="promoted") == 1
    assert not any("backlog" in name or "queue_messages" in name for name in found)


def test_it_costs_the_same_for_thirty_recommenders_as_for_three(as_viewer, fleet, valkey):
    costs = []
    for more in (3, 27):
        fleet(more)
        scraped(as_viewer)  # connections are there from now on
        before = valkey.info("stats")["total_reads_processed"]
        with CaptureQueriesContext(connection) as captured:
            found = scraped(as_viewer)
        assert sum(name.startswith("recadmin_age_seconds") for name in found) in (3, 30)
        costs.append((len(captured), valkey.info("stats")["total_reads_processed"] - before))
    assert costs[0] == costs[1]
    assert costs[0][0] <= 18


def test_nobody_reads_it_without_saying_who_they_are(db, valkey, settings):
    for token in ("", "secret"):
        settings.METRICS_TOKEN = token
        for sent in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}):
            response = Client().get("/metrics", headers=sent)
            assert response.status_code == 401
            assert "recadmin_" not in response.content.decode()


def test_a_scraper_reads_it_by_its_token(db, valkey, settings):
    settings.METRICS_TOKEN = "secret"
    response = Client().get("/metrics", headers={"Authorization": "Bearer secret"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_a_viewer_reads_it_by_a_token_of_the_api(viewer, outsider, valkey):
    for user, status in ((viewer, 200), (outsider, 401)):
        answer = Client().post(
            "/api/v1/auth/token",
            {"username": user.username, "password": "password"},
            content_type="application/json",
        )
        token = {"Authorization": f"Token {answer.json()['token']}"}
        assert Client().get("/metrics", headers=token).status_code == status
    assert Client().get("/metrics", headers={"Authorization": "Token no"}).status_code == 401


def test_an_account_without_a_role_does_not_read_it(as_outsider):
    assert as_outsider.get("/metrics").status_code == 401


def test_open_metrics_is_spoken_where_it_is_asked_for(as_viewer, fleet):
    fleet(1)
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    response = as_viewer.get("/metrics", headers=accept)
    names = {family.name for family in open_metrics_families(response.content.decode())}
    assert "recadmin_samples_appended" in names


def test_names_say_the_unit_and_the_type():
    for name, family in FAMILIES.items():
        assert re.fullmatch(r"recadmin_[a-z_]+", name)
        assert name.endswith("_total") == (family.kind == "counter")


def test_every_metric_is_told_by_a_fleet_that_has_everything(as_viewer, fleet):
    fleet(1)
    news = Recommender.objects.get()
    at = timezone.now() - timedelta(seconds=10)
    learning_lag.count(news.pk, np.array([100]), np.array([1]), at)
    for queue in QUEUES:
        Pulse(f"{queue}@here", queues=(queue,)).beat(slots=2)
    Pulse("beat@here").beat()
    told = {name.partition("{")[0] for name in scraped(as_viewer)}
    assert told == FAMILIES.keys()


def test_the_document_lists_every_metric_as_it_is():
    rows = re.findall(
        r"^\| `(recadmin_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|", DOCUMENT.read_text(), re.M
    )
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning.strip())
        for name, kind, labels, meaning in rows
    }
    assert documented == {
        name: (family.kind, family.labels, family.meaning) for name, family in FAMILIES.items()
    }


def queries(value):
    """Every PromQL expression of a dashboard."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "definition"):
                yield inner
            else:
                yield from queries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from queries(inner)


def test_the_dashboard_asks_for_metrics_that_exist():
    asked = set()
    for query in queries(json.loads(DASHBOARD.read_text())):
        names = re.findall(r"recadmin_\w+", query)
        assert names, query
        if not query.startswith("label_values("):  # Grafana's own, not PromQL
            promql_parser.parse(re.sub(r"\$__\w+", "1m", query))  # raises where it is wrong
        asked |= set(names)
    assert asked <= FAMILIES.keys()
    needed = {"age", "objective", "lag", "backlog", "learning_lag"}
    assert {f"recadmin_{name}" for name in needed} <= {
        re.sub("_(seconds|samples)$", "", name) for name in asked
    }
