"""Each component's own freshness: on the page, in the API, as series; what feeds it."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring import metrics
from monitoring.components import components
from monitoring.freshness import LiveFacts
from monitoring.models import Series
from monitoring.tasks import observe
from tests.monitoring.conftest import text
from updates.models import Recommender, UpdatePolicy
from updates.samples.log import Head

PAGE = "/recommenders/leaves/"


def ago(**about):
    return timezone.now() - timedelta(**about)


def entry(watermark, next_offset, run=None):
    return {
        "watermark": watermark.isoformat(),
        "next_offset": next_offset,
        "run": run,
        "begun_by": run,
        "space_id": "5a6b7c8d9e",
    }


@pytest.fixture
def leaves(make_recommender, make_live, valkey):
    """gbdt_lr, its trees of yesterday under a regression of a minute ago."""
    leaves = make_recommender(
        "leaves",
        "gbdt_lr",
        freshness_objective_seconds=600,
        grace_seconds=60,
        component_objectives={"trees": 172_800},
    )
    parts = {"trees": entry(ago(days=1), 900), "lr": entry(ago(minutes=1), 1001)}
    make_live(leaves, components=parts, watermark=ago(minutes=1), next_offset=1001)
    for name, strategy, named in (
        ("online-lr", "online", []),
        ("daily-trees", "local", ["trees"]),
        ("paused-trees", "local", ["trees"]),
    ):
        UpdatePolicy.objects.create(
            recommender=leaves,
            name=name,
            strategy=strategy,
            components=named,
            trigger="manual",
            enabled=not name.startswith("paused"),
        )
    return leaves


def test_each_component_has_an_age_against_its_own_objective(leaves):
    head = Head(1100, timezone.now(), timezone.now())
    trees, lr = components(leaves, timezone.now(), head, None)
    assert (trees.name, lr.name) == ("trees", "lr")
    assert (trees.fresh.state, trees.fresh.objective_seconds) == ("fresh", 172_800)
    assert trees.fresh.age_seconds == pytest.approx(86_400, abs=60)
    assert (lr.fresh.state, lr.fresh.objective_seconds) == ("fresh", 600)
    assert (trees.fresh.backlog_samples, lr.fresh.backlog_samples) == (201, 100)


def test_what_feeds_it_are_the_policies_that_are_on_and_update_it(leaves):
    trees, lr = components(leaves, timezone.now(), None, None)
    assert [policy.name for policy in trees.fed_by] == ["daily-trees"]
    # New trees bring a new regression.
    assert {policy.name for policy in lr.fed_by} == {"daily-trees", "online-lr"}


def test_what_online_learning_has_made_of_it_since_counts_for_what_it_moves(leaves):
    now = timezone.now()
    trees, lr = components(leaves, now, None, LiveFacts(now, 1101))
    assert lr.fresh.age_seconds == 0
    assert trees.fresh.age_seconds > 80_000


def test_the_page_shows_them_and_a_chart_of_their_ages(as_viewer, leaves):
    page = as_viewer.get(PAGE).content.decode()
    assert 'id="component-trees"' in page
    assert "daily-trees" in page.partition('id="component-trees"')[2].partition("</tr>")[0]
    ages = page.partition('data-key="component-ages"')[2].partition("</figure>")[0]
    assert re.findall('data-of="([^"]*)"', ages) == ["trees", "lr"]
    assert re.findall('data-label="([^"]*)"', ages) == ["trees", "lr"]


def test_a_component_that_nothing_feeds_says_so(as_viewer, leaves):
    leaves.policies.all().delete()
    row = as_viewer.get(PAGE).content.decode().partition('id="component-trees"')[2]
    assert "no policy that is on" in row.partition("</tr>")[0]


def test_a_model_of_one_component_has_no_such_table(as_viewer, make_recommender, make_live, valkey):
    news = make_recommender()
    make_live(news, components={"weights": entry(ago(minutes=1), 11)})
    page = as_viewer.get("/recommenders/news/").content.decode()
    assert "component-weights" not in page
    assert "Age by component" not in page


def test_the_api_answers_what_the_page_shows(as_viewer, leaves):
    trees, lr = as_viewer.get("/api/v1/recommenders/leaves/freshness").json()["components"]
    assert (trees["name"], trees["fed_by"], trees["space_id"]) == (
        "trees",
        ["daily-trees"],
        "5a6b7c8d9e",
    )
    assert trees["objective_seconds"] == 172_800
    assert lr["name"] == "lr"


def test_ages_are_kept_as_a_series_a_component(as_viewer, leaves):
    observe()
    kept = Series.objects.filter(recommender=leaves, name=metrics.COMPONENT_AGE_SECONDS)
    assert set(kept.values_list("part", flat=True)) == {"trees", "lr"}
    address = "/api/v1/recommenders/leaves/metrics"
    asked = {"name": metrics.COMPONENT_AGE_SECONDS, "label": "trees"}
    [[_, age]] = as_viewer.get(address, asked).json()["points"]
    assert age == pytest.approx(86_400, abs=60)
    answer = as_viewer.get(address, asked | {"label": "wings"})
    assert answer.status_code == 400
    assert "trees, lr" in answer.content.decode()


def test_a_version_s_page_lists_its_components(as_viewer, leaves):
    page = as_viewer.get(f"{PAGE}versions/1/").content.decode()
    table = page.partition('<table class="wide components">')[2].partition("</table>")[0]
    assert "trees" in table
    assert "5a6b7c8d" in table


def test_what_was_sent_to_serving_counts_though_its_policy_is_paused(leaves):
    leaves.policies.filter(name="online-lr").update(enabled=False)
    now = timezone.now()
    _, lr = components(leaves, now, None, LiveFacts(now, 1101))
    assert lr.fresh.age_seconds == 0
    assert [policy.name for policy in lr.fed_by] == ["daily-trees"]


def test_a_learner_that_cannot_be_loaded_hides_no_age(as_viewer, leaves):
    Recommender.objects.update(learner="gone")
    observe()
    kept = Series.objects.filter(recommender=leaves, name=metrics.COMPONENT_AGE_SECONDS)
    assert kept.count() == 2
    assert 'id="component-trees"' in as_viewer.get(PAGE).content.decode()


def test_a_component_of_a_version_has_the_quality_of_the_run_that_moved_it(
    as_viewer, leaves, make_live
):
    judged = {"candidate": {"ne": 0.8123}, "ne_gain": 0.0042}
    run = leaves.runs.create(strategy="local", components=["trees"], metrics=judged)
    parts = {"trees": entry(ago(days=1), 900, run.pk), "lr": entry(ago(minutes=1), 1001)}
    make_live(leaves, components=parts)
    words = text(as_viewer.get(f"{PAGE}versions/2/"))
    assert f"run {run.pk} local 0.8123 +0.0042 run {run.pk} local 5a6b7c8d" in words
    assert "UTC – – – – 5a6b7c8d" in words
