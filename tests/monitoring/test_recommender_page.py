"""The page of one recommender: what it says, and to whom it gives controls."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.charts import CHARTS
from tests.monitoring.conftest import text
from updates.models import ServingReport

PAGE = "/recommenders/news/"


@pytest.fixture
def news(valkey, make_recommender):
    return make_recommender(slug="news")


def test_it_says_what_is_live_and_who_made_it_so(as_viewer, news, make_live, operator):
    make_live(news, by=operator)
    words = text(as_viewer.get(PAGE))
    assert "Live version v1" in words
    assert "Promoted by operator: as good as any" in words


def test_an_untrained_recommender_is_told_how_to_begin(as_viewer, news):
    words = text(as_viewer.get(PAGE))
    assert "import_samples news ml-100k" in words
    assert "No policy keeps this recommender fresh" in words
    assert "No version yet" in words
    assert "Nothing has been live yet" in words


def test_with_samples_waiting_a_full_update_is_proposed(as_viewer, recommender):
    recommender.slug = "news"
    assert "trains the first version on the 1,000 samples" in text(as_viewer.get(PAGE))


def test_every_chart_has_its_definition_and_a_sentence_for_no_points(as_viewer, news):
    words = text(as_viewer.get(PAGE))
    for chart in CHARTS:
        assert chart.empty in words
        assert all(metric.definition in words for metric in chart.metrics)


def test_each_policy_that_fires_has_a_chart_of_its_cadence(as_viewer, news, make_policy):
    make_policy(news)
    make_policy(news, "by-samples", trigger="samples", every_samples=10)
    make_policy(news, "by-hand", trigger="manual")
    page = as_viewer.get(PAGE).content.decode()
    assert re.findall(r'data-metric="([^"]*)" data-of="([^"]+)"', page) == [
        ("achieved_cadence_seconds", "by-samples"),
        ("achieved_cadence_seconds", "hourly"),
        ("declared_cadence_seconds", "hourly"),
    ]
    assert "No fire in this range followed an earlier one" in page


def test_versions_show_their_quality_against_the_reference(as_viewer, live, append, update):
    append(live.recommender, 500)
    run = update(live.recommender, "incremental")
    words = text(as_viewer.get(f"/recommenders/{live.recommender.slug}/"))
    candidate, reference = run.metrics["candidate"]["ne"], run.metrics["reference"]["ne"]
    assert f"{candidate:.4f} {reference:.4f} v1" in words
    assert run.metrics["verdict"] in words


def test_a_process_that_refuses_the_live_version_raises_an_alert(as_viewer, news, make_live):
    older, newer = make_live(news), make_live(news)
    report(news, wanted=newer, served=older, error="Version 2 is refused: checksum mismatch.")
    assert "Process web:1 serves version 1. Version 2 is refused" in text(as_viewer.get(PAGE))


def test_a_process_that_lags_raises_an_alert_after_some_seconds(as_viewer, news, make_live):
    long_ago = timezone.now() - timedelta(minutes=1)
    older, newer = make_live(news, started_at=long_ago), make_live(news, started_at=long_ago)
    report(news, wanted=newer, served=older)
    assert "Process web:1 lags" in text(as_viewer.get(PAGE))
    news.deployments.filter(ended_at=None).update(started_at=timezone.now())
    assert "lags" not in text(as_viewer.get(PAGE))


def test_a_process_that_has_ended_raises_none(as_viewer, news, make_live):
    older, newer = make_live(news), make_live(news)
    report(news, wanted=newer, served=older, error="refused", ago=timedelta(minutes=5))
    assert "web:1" not in text(as_viewer.get(PAGE))


def report(recommender, *, wanted, served, error="", ago=timedelta()):
    ServingReport.objects.create(
        recommender=recommender,
        process="web:1",
        wanted=wanted,
        served=served,
        error=error,
        reported_at=timezone.now() - ago,
    )


def test_an_operator_has_controls_and_a_viewer_has_none(
    as_viewer, as_operator, news, make_policy, make_live
):
    make_policy(news)
    make_live(news)
    make_live(news)
    for control in ("Trigger an update", "Run now", "Change cadence", "Pause", "Roll back to"):
        assert control in text(as_operator.get(PAGE)), control
        assert control not in text(as_viewer.get(PAGE)), control


def test_the_headline_alone_is_what_htmx_polls(as_viewer, news, make_live):
    make_live(news)
    part = as_viewer.get(f"{PAGE}headline/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "Live version v1" in text(part)


def test_many_versions_and_policies_cost_no_more_queries(
    as_operator, news, make_live, make_policy, django_assert_max_num_queries
):
    for i in range(12):
        make_live(news)
        make_policy(news, f"policy-{i}")
    with django_assert_max_num_queries(31):
        as_operator.get(PAGE)


def test_older_versions_are_on_the_next_page(as_viewer, news, make_live):
    for _ in range(14):
        make_live(news)
    assert 'versions/2/"' not in versions_part(as_viewer.get(PAGE))
    assert 'versions/2/"' in versions_part(as_viewer.get(f"{PAGE}?versions=2"))


def versions_part(response):
    return response.content.decode().split('id="versions"')[1].split('id="deployments"')[0]


def test_an_unknown_slug_is_not_found(as_viewer):
    response = as_viewer.get("/recommenders/nowhere/")
    assert response.status_code == 404
    assert "nothing at this address" in text(response)
