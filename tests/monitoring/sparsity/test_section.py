"""The section "Sparsity and memory" of the page, and the API's account of it."""

import pytest

from monitoring.models import FeatureTurnover
from monitoring.sparsity.count import count_all
from tests.monitoring.conftest import text
from updates.flows import jobs
from updates.flows.promote import promote
from updates.flows.what_if import answer, request_what_if
from updates.models import WhatIf

NEWS = "/recommenders/news/"
API = "/api/v1/recommenders/news/sparsity"


@pytest.fixture(autouse=True)
def _nobody_is_told(monkeypatch):
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *args, **more: None)


@pytest.fixture
def followed(live, update):
    """A second version after the first, in which features died."""
    version = update(live.recommender, window_seconds=100).result_version
    if version.state == "rejected":
        promote(version, reason="to see what comes and goes")
    count_all()
    return FeatureTurnover.objects.get()


def test_without_a_version_it_says_what_brings_one(as_viewer, make_recommender):
    make_recommender()
    words = text(as_viewer.get(f"{NEWS}sparsity/"))
    assert words == (
        "No version is live: there is nothing to measure yet. The first promoted update brings one."
    )


def test_it_names_components_algorithms_and_what_died(as_viewer, followed):
    words = text(as_viewer.get(f"{NEWS}sparsity/"))
    assert "Memory limit none Limit reached no limit" in words
    assert "weights ftrl" in words
    one = followed.died_examples[0]
    assert f"{one['field']} {one['value']}" in words
    assert "A forecast takes six live versions at least." in words


def test_a_component_may_be_called_items(as_viewer, make_recommender, make_live):
    """That of ``factors`` is, and a template takes a dictionary's key before its method."""
    news = make_recommender()
    counts = {
        "admitted": 7,
        "non_zero": 56,
        "deployed_bytes": 224,
        "tiny_share": 0.0,
        "algorithm": "",
    }
    whole = {"seen": 7, "admitted": 7, "non_zero": 56, "deployed_bytes": 224, "tiny_share": 0.0}
    make_live(news, sparsity=whole | {"components": {"items": counts, "users": counts}})
    words = text(as_viewer.get(f"{NEWS}sparsity/"))
    assert "items" in words
    assert "users" in words


def test_the_page_of_a_version_names_what_came_and_went_with_it(as_viewer, followed):
    words = text(as_viewer.get(f"{NEWS}versions/2/"))
    assert f"{followed.died:,} died" in words
    for one in followed.died_examples:
        assert f"{one['field']} {one['value']}" in words
    assert "Features born, died and reborn" not in text(as_viewer.get(f"{NEWS}versions/1/"))


def test_every_number_is_in_the_api(as_viewer, followed):
    answer = as_viewer.get(API).json()
    [turnover] = answer["turnover"]
    assert (turnover["version"], turnover["died"]) == (2, followed.died)
    assert turnover["died_examples"] == followed.died_examples
    version = followed.deployment.version
    part = answer["sparsity"]["components"]["weights"]
    assert part["algorithm"] == "ftrl"
    series = answer["component_series"]["weights"]["component_deployed_bytes"]
    assert series[-1][1] == part["deployed_bytes"] == version.sparsity["deployed_bytes"]
    assert answer["memory"]["state"] == "no-limit"
    assert len(answer["memory"]["measured"]) == 2
    assert answer["series"]["features_died"][-1][1] == followed.died


def test_a_learner_of_components_tells_each_apart(as_viewer, trees):
    answer = as_viewer.get("/api/v1/recommenders/trees/sparsity").json()
    assert [(name, part["algorithm"]) for name, part in answer["sparsity"]["components"].items()]
    assert set(answer["component_series"]) == {"trees", "lr"}
    whole = answer["sparsity"]["deployed_bytes"]
    assert sum(p["deployed_bytes"] for p in answer["sparsity"]["components"].values()) == whole


def test_a_what_if_is_asked_for_watched_and_answered(as_operator, recommender):
    assert "Nobody has asked yet" in text(as_operator.get(f"{NEWS}what-if/"))
    asked = {"admit_after": "0, 2", "expire_after": "0", "samples": "500"}
    words = text(as_operator.post(f"{NEWS}what-if/ask/", asked))
    assert "0 of 500 samples" in words
    answer(WhatIf.objects.get().pk)
    words = text(as_operator.get(f"{NEWS}what-if/"))
    assert "2 settings over 500 samples" in words
    assert "admit_after 0, expire_after 0 present" in words
    assert "Apply…" in words


def test_a_what_if_is_cancelled(as_operator, recommender):
    what_if = request_what_if(recommender)
    words = text(as_operator.post(f"{NEWS}what-if/{what_if.pk}/cancel/"))
    assert "Cancelled; nothing was changed." in words
    again = text(as_operator.post(f"{NEWS}what-if/{what_if.pk}/cancel/"))
    assert "there is nothing to cancel" in again


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"admit_after": "many"}, "Up to 12 whole numbers, separated by commas."),
        ({"admit_after": "300"}, "Admit_after: must be"),
        ({"admit_after": "0"}, "takes 1 to 11 settings beside the present one"),
    ],
)
def test_what_cannot_be_asked_is_told(as_operator, recommender, asked, said):
    asked = {"admit_after": "0, 1", "expire_after": "0", "samples": "500"} | asked
    assert said in text(as_operator.post(f"{NEWS}what-if/ask/", asked))
    assert not WhatIf.objects.exists()


def test_a_viewer_sees_it_and_may_not_ask(as_viewer, recommender):
    assert "Replay" not in text(as_viewer.get(f"{NEWS}what-if/"))
    assert as_viewer.post(f"{NEWS}what-if/ask/", {}).status_code == 403


def test_a_learner_without_admission_has_nothing_to_ask(as_operator, trees):
    words = text(as_operator.get("/recommenders/trees/what-if/"))
    assert (
        words == "gbdt_lr neither admits nor forgets features one by one: there is nothing to ask."
    )
