"""A recommender of learner sklearn, from its samples to its scores."""

import pytest

from updates.models import Recommender
from updates.serving.loader import load
from updates.serving.scorer import Scorer

SCALED = {"steps": ["sklearn.preprocessing.MaxAbsScaler"], "n_features": 4096}
FOREST = {
    "estimator": "sklearn.ensemble.RandomForestClassifier",
    "parameters": {"n_estimators": 10, "min_samples_leaf": 5},
    "n_features": 256,
}


@pytest.fixture(autouse=True)
def _own_scorer(monkeypatch):
    scorer = Scorer()
    monkeypatch.setattr("updates.serving.scorer.process_scorer", lambda: scorer)


@pytest.fixture
def made(as_admin, append):
    """``made(options)``: a recommender with these, and 1,000 samples."""

    def make(options):
        from tests.conftest import SCHEMA

        body = {"slug": "news", "name": "News", "learner": "sklearn"}
        body |= {"schema": SCHEMA.to_json(), "learner_options": options}
        answer = as_admin.post("recommenders", body, format="json")
        assert answer.status_code == 201, answer.content
        recommender = Recommender.objects.get(slug="news")
        append(recommender, 1000)
        return recommender

    return make


ROWS = [{"user": "1", "item": str(film), "film_age": 3.0} for film in range(1, 21)]


def scores_of(caller):
    answer = caller.post("recommenders/films/score", {"rows": ROWS}, format="json").json()
    return answer["version"], answer["scores"]


def test_partial_fit_is_updated_fully_and_incrementally_judged_and_served(
    rated_films, update, as_viewer
):
    recommender, more = rated_films("sklearn", SCALED)
    full = update(recommender)
    assert full.state == "promoted", full.error
    assert full.metrics["candidate"]["samples"] == 600
    more()
    run = update(recommender, "incremental")
    assert run.state == "promoted", run.error
    assert run.metrics["reference_version"] == 1
    assert run.metrics["candidate"]["samples"] == run.metrics["reference"]["samples"] == 300
    assert run.result_version.next_offset == 4501
    version, scores = scores_of(as_viewer)
    assert version == 2
    assert max(scores) > min(scores) + 0.05


def test_without_partial_fit_a_full_update_learns_what_judged_it_too(
    rated_films, update, as_viewer, make_batch
):
    recommender, _ = rated_films("sklearn", FOREST)
    run = update(recommender)
    assert run.state == "promoted", run.error
    assert run.result_version.next_offset == 3001
    assert [step["op"] for step in run.ranges] == ["fit", "learn"]
    _, scores = scores_of(as_viewer)
    rows = make_batch(ROWS, recommender.sample_schema)
    expected = load(run.result_version, serving=False).predict(rows)
    assert scores == pytest.approx(expected.tolist())


def test_without_partial_fit_incremental_is_refused_with_a_sentence(
    transactional_db, made, as_admin
):
    made(FOREST)
    policy = {"name": "hourly", "strategy": "incremental", "trigger": "manual"}
    refused = as_admin.post("recommenders/news/policies", policy, format="json")
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert error["field"] == "strategy"
    assert "sklearn cannot learn on with RandomForestClassifier without partial_fit" in str(error)
    started = as_admin.post("recommenders/news/updates", {"strategy": "incremental"}, format="json")
    assert started.status_code == 400


def test_online_is_refused_whatever_the_estimator(transactional_db, made, as_admin):
    made({})
    policy = {"name": "always", "strategy": "online"}
    refused = as_admin.post("recommenders/news/policies", policy, format="json")
    assert refused.status_code == 400
    assert "sklearn cannot learn online" in str(refused.json())


def test_rates_are_not_replayed(transactional_db, made, as_admin):
    made({"features": "rates", "estimator": "sklearn.naive_bayes.GaussianNB"})
    policy = {"name": "hourly", "strategy": "incremental", "trigger": "manual"}
    answer = as_admin.post(
        "recommenders/news/policies", policy | {"replay_fraction": 1.0}, format="json"
    )
    [error] = answer.json()["errors"]
    assert error["field"] == "replay_fraction"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"estimator": "os.system"}, "learner_options.estimator: must be among"),
        ({"parameters": {"alpha": "high"}}, "learner_options.parameters"),
        ({"steps": [[]]}, "learner_options.steps"),
    ],
)
def test_options_that_are_not_allowed_are_refused_by_name(as_admin, options, said):
    body = {"slug": "news", "name": "News", "learner": "sklearn", "learner_options": options}
    body |= {"schema": {"categorical": ["item"]}}
    answer = as_admin.post("recommenders", body, format="json")
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == "learner_options"
    assert said in str(error)
