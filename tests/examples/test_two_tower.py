"""The worked example as an installation has it: installed by pip, found by its entry point."""

import pytest

pytest.importorskip("torch", reason="torch is not installed (examples/requirements.txt)")

from updates.learners import registry
from updates.serving.loader import load

pytestmark = pytest.mark.xdist_group("examples")  # which are installed once


def test_who_installs_the_package_has_the_learner(two_tower):
    assert two_tower in registry.names()
    assert registry.get(two_tower).name == two_tower


def test_it_is_trained_judged_updated_and_served_as_any_other(
    two_tower, rated_films, update, as_viewer, make_batch
):
    options = {"item_fields": ["genres", "release_year"], "buckets": 4096, "dim": 4}
    recommender, more = rated_films(two_tower, options)
    full = update(recommender)
    assert full.state == "promoted", full.error
    more()
    run = update(recommender, "incremental")
    assert run.state == "promoted", run.error
    assert run.metrics["reference_version"] == 1
    rows = [{"user": "1", "item": str(film)} for film in range(1, 21)]
    answer = as_viewer.post("recommenders/films/score", {"rows": rows}, format="json").json()
    assert answer["version"] == 2
    batch = make_batch(rows, recommender.sample_schema)
    expected = load(run.result_version, serving=False).predict(batch)
    assert answer["scores"] == pytest.approx(expected.tolist())
    assert max(answer["scores"]) > min(answer["scores"]) + 0.01
