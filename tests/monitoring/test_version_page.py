"""The page of one version."""

import pytest
from django.utils import timezone

from tests.monitoring.conftest import text


def address(version, part=""):
    return f"/recommenders/{version.recommender.slug}/versions/{version.number}/{part}"


def test_it_says_what_was_learned_how_well_and_of_which_bytes(as_viewer, live):
    words = text(as_viewer.get(address(live)))
    assert live.digest in words
    assert f"Non-zero weights {live.sparsity['non_zero']:,}" in words
    assert f"NE {live.metrics['candidate']['ne']:.4f}" in words
    assert "Offsets 1–1,000" in words
    assert "Built on nothing: it is the first" in words


def test_it_names_parent_and_child(as_viewer, live, append, update):
    append(live.recommender, 500)
    child = update(live.recommender, "incremental").result_version
    assert "Followed by v2" in text(as_viewer.get(address(live)))
    assert "Built on v1" in text(as_viewer.get(address(child)))


def test_it_counts_the_requests_that_it_answered(as_viewer, live):
    live.deployments.update(scored_requests=1234, scored_rows=99_999)
    assert "1,234 99,999 rows" in text(as_viewer.get(address(live)))


def test_its_heaviest_weights_are_listed_by_feature(as_viewer, live):
    words = text(as_viewer.get(address(live, "weights/")))
    assert "item i" in words


def test_a_learner_without_weights_says_so(as_viewer, live, monkeypatch):
    monkeypatch.setattr("monitoring.heaviest.load", lambda version, serving: object())
    assert "has no weights by feature" in text(as_viewer.get(address(live, "weights/")))


def test_a_corrupted_artifact_is_said(as_viewer, make_recommender, make_live, valkey):
    version = make_live(make_recommender())
    assert "The model cannot be read" in text(as_viewer.get(address(version, "weights/")))


def test_a_retired_version_can_be_rolled_back_to_by_an_operator_only(
    as_viewer, as_operator, make_recommender, make_live, valkey
):
    news = make_recommender()
    retired = make_live(news)
    make_live(news)
    assert "Roll back to this version" in text(as_operator.get(address(retired)))
    assert "Roll back to this version" not in text(as_viewer.get(address(retired)))


def test_a_pruned_version_keeps_its_numbers_and_offers_no_way_back(
    as_operator, make_recommender, make_live, valkey
):
    news = make_recommender()
    retired = make_live(news)
    make_live(news)
    retired.pruned_at = timezone.now()
    retired.save(update_fields=["pruned_at"])
    words = text(as_operator.get(address(retired)))
    assert "Its files were deleted" in words
    assert "Roll back to this version" not in words


@pytest.mark.parametrize("part", ["", "weights/"])
def test_an_unknown_version_is_not_found(as_viewer, make_recommender, part):
    make_recommender(slug="news")
    assert as_viewer.get(f"/recommenders/news/versions/7/{part}").status_code == 404
