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
    transactional_db, two_tower, make_recommender, append, update, as_viewer, make_batch
):
    options = {"item_fields": ["genres"], "buckets": 512, "dim": 4}
    recommender = make_recommender("news", two_tower, learner_options=options)
    append(recommender, 1000)
    full = update(recommender)
    assert full.state == "promoted", full.error
    append(recommender, 500)
    run = update(recommender, "incremental")
    assert run.state == "promoted", run.error
    assert run.metrics["reference_version"] == 1
    rows = [{"user": "u1", "item": f"i{i}"} for i in range(20)]
    answer = as_viewer.post("recommenders/news/score", {"rows": rows}, format="json").json()
    assert answer["version"] == 2
    expected = load(run.result_version, serving=False).predict(make_batch(rows))
    assert answer["scores"] == pytest.approx(expected.tolist())
    assert max(answer["scores"]) > min(answer["scores"]) + 0.1
