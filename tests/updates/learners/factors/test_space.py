import numpy as np
import pytest

from updates.learners.factors.client import user_step
from updates.learners.factors.space import Interacted, fold_in, rebase, rotation
from updates.metrics import auc

DIM = 6


def turned(seed=0):
    """A random orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(DIM, DIM)))[0]


@pytest.fixture
def items():
    return np.random.default_rng(1).normal(size=(40, DIM)).astype(np.float32)


@pytest.fixture
def users():
    return np.random.default_rng(2).normal(size=(9, DIM)).astype(np.float32)


def test_in_a_space_that_was_only_turned_a_rebased_user_scores_as_before(items, users):
    new = items @ turned()
    rebased = rebase(users, items, new)
    assert rebased.dtype == np.float32
    assert np.allclose(rebased @ new.T, users @ items.T, atol=1e-5)
    assert np.allclose(rebase(users[0], items, new), rebased[0], atol=1e-6)


def test_the_items_that_both_spaces_have_are_enough(items, users):
    new = items @ turned()
    rebased = rebase(users, items[:DIM], new[:DIM])
    assert np.allclose(rebased @ new.T, users @ items.T, atol=1e-4)


def test_a_turn_is_found_beneath_noise(items, users):
    new = items @ turned() + np.random.default_rng(3).normal(0, 0.05, items.shape)
    apart = np.abs(rebase(users, items, new) - users @ turned())
    assert apart.max() < 0.1


def test_no_other_orthogonal_matrix_is_nearer(items):
    new = np.random.default_rng(4).normal(size=items.shape)
    best = rotation(items, new)
    assert np.allclose(best @ best.T, np.eye(DIM))
    distance = np.linalg.norm(items @ best - new)
    assert all(np.linalg.norm(items @ turned(seed) - new) >= distance for seed in range(50))


def test_spaces_without_a_common_item_or_of_other_dimensions_are_refused(items):
    for old, new in ((items[:0], items[:0]), (items, items[:, :3]), (items[:3], items[:4])):
        with pytest.raises(ValueError, match="equally long lists"):
            rotation(old, new)


def test_folding_in_once_is_a_step_from_nothing(items):
    done = Interacted(np.array([3, 5, 3]), np.array([1.0, 0.0, 1.0]), np.ones(3))
    biases = np.linspace(-1, 1, len(items))
    expected = user_step(
        np.zeros(DIM, np.float32), 0.0, items[done.items], biases[done.items], *done[1:], 0.1, 0.01
    )
    found = fold_in((items, biases), done, 0.1, 0.01)
    assert np.array_equal(found[0], expected[0])
    assert found[1] == expected[1]


def test_a_folded_in_user_likes_what_lies_where_it_liked(items):
    direction = np.random.default_rng(5).normal(size=DIM)
    likes = (items @ direction > 0).astype(np.float64)
    done = Interacted(np.arange(30), likes[:30], np.ones(30))
    vector, bias = fold_in((items, np.zeros(len(items))), done, 0.1, 0.01, passes=20)
    scores = items[30:] @ vector + bias
    assert auc(likes[30:], scores) > 0.85
