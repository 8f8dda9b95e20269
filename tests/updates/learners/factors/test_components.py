import numpy as np
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.factors import files
from updates.learners.factors.learner import Factors
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError

OPTIONS = {"dim": 4, "epochs": 2}


@pytest.fixture
def learner():
    learner = Factors(SCHEMA, OPTIONS)
    learner.fit([tastes(2_000)])
    return learner


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return folder


def served(folder):
    serving = Factors(SCHEMA, OPTIONS)
    serving.load_serving(folder)
    return serving


def test_one_pass_over_more_samples_is_learning_on_in_the_same_space(tmp_path):
    samples = tastes(600)
    whole, stepwise = Factors(SCHEMA), Factors(SCHEMA)
    whole.fit([samples])
    stepwise.fit([samples.slice(0, 400)])
    space = stepwise.space_id
    stepwise.learn(samples.slice(400))
    one, other = saved(whole, tmp_path / "whole"), saved(stepwise, tmp_path / "stepwise")
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()
    stepwise.fit([samples.slice(1)])
    assert stepwise.space_id != space == whole.space_id


def test_a_fit_of_several_passes_begins_a_space_that_learning_on_stays_in(learner):
    space = learner.space_id
    assert learner.space_ids() == {"items": space, "users": space}
    learner.learn(tastes(100))
    assert learner.space_id == space
    learner.fit([tastes(2_000)])
    assert learner.space_id == space  # the same samples put items at the same places
    learner.fit([tastes(2_001)])
    assert learner.space_id != space


def test_a_learner_that_was_never_fitted_begins_its_space_with_its_first_sample():
    assert Factors(SCHEMA).space_ids() == {}
    spaces = []
    for first in ("a", "b"):
        learner = Factors(SCHEMA)
        learner.learn(rows(("u", first, 1)))
        spaces.append(learner.space_id)
        learner.learn(rows(("u", "c", 1)))
        assert learner.space_id == spaces[-1]
    assert spaces[0] != spaces[1]


@pytest.mark.parametrize(
    ("trained", "kept"), [("users", [files.ITEMS, files.ITEMS_LEARNING]), ("items", [files.USERS])]
)
def test_what_is_not_trained_stays_bit_for_bit(learner, tmp_path, trained, kept):
    before = saved(learner, tmp_path / "before")
    learner.train([trained])
    learner.learn(rows(("u1", "i1", 1), ("new user", "i2", 1), ("u1", "new item", 0)))
    after = saved(learner, tmp_path / "after")
    for name in kept:
        assert (before / name).read_bytes() == (after / name).read_bytes()
    name = f"{trained}.safetensors"
    assert (before / name).read_bytes() != (after / name).read_bytes()


def test_users_learned_anew_keep_the_space(learner):
    space, items = learner.space_id, learner.item_vectors.copy()
    learner.train(["users"])
    learner.fit([tastes(300)])
    assert learner.space_id == space
    assert np.array_equal(learner.item_vectors, items)


def test_users_of_another_space_are_refused(learner, tmp_path):
    one = saved(learner, tmp_path / "one")
    learner.fit([tastes(500)])
    other = saved(learner, tmp_path / "other")
    (one / files.USERS).write_bytes((other / files.USERS).read_bytes())
    with pytest.raises(files.SpaceMismatch, match="belong to item space"):
        learner.load(one)


def test_a_serving_form_follows_new_items_by_deltas_from_any_state_in_between(learner, tmp_path):
    first = saved(learner, tmp_path / "first")
    learner.track()
    learner.learn(rows(*[("u1", "new", 1)] * 30))
    between = saved(learner, tmp_path / "between")
    learner.learn(rows(("u1", "i1", 0), ("u9", "newer", 1)))
    delta = learner.delta()
    for folder in (first, between):
        serving = served(folder)
        serving.apply(delta)
        assert serving.item_names.to_pylist() == learner.item_names.to_pylist()
        for repeats in (False, True):
            found = serving.recommend("u1", 5, repeats=repeats)
            assert found.items == learner.recommend("u1", 5, repeats=repeats).items
        assert np.array_equal(serving.predict(tastes(200)), learner.predict(tastes(200)))
    assert serving.recommend("u1", 1, repeats=True).items == ["new"]


def test_a_delta_carries_the_negatives_that_were_drawn(tmp_path):
    learner = Factors(SCHEMA, {**OPTIONS, "loss": "bpr"})
    learner.fit([tastes(500)])
    serving = Factors(SCHEMA, {**OPTIONS, "loss": "bpr"})
    serving.load_serving(saved(learner, tmp_path / "saved"))
    learner.track()
    learner.learn(rows(*[("u1", "i1", 1)] * 9))
    serving.apply(learner.delta())
    assert np.array_equal(serving.item_vectors, learner.item_vectors)


def test_the_serving_form_only_serves_and_only_it_takes_deltas(learner, tmp_path):
    serving = served(saved(learner, tmp_path / "saved"))
    for work in (lambda: serving.learn(tastes(5)), lambda: serving.save(tmp_path)):
        with pytest.raises(ServingOnlyError):
            work()
    learner.track()
    with pytest.raises(ServingFormNeeded):
        learner.apply(learner.delta())


def test_what_devices_are_told_follows_the_deltas(learner, tmp_path):
    serving = served(saved(learner, tmp_path / "saved"))
    before = serving.on_device()
    assert before.longest == learner.on_device().longest
    assert serving.on_device() is before
    longest = learner.item_names[int(np.linalg.norm(learner.item_vectors, axis=1).argmax())]
    learner.track()
    learner.learn(rows(*[(f"u{n % 7}", longest.as_py(), n % 2) for n in range(90)]))
    serving.apply(learner.delta())
    after, known = serving.on_device(), learner.on_device()
    assert after.longest == known.longest != before.longest
    assert after.user("u1").distance(known.user("u1")) == 0
