"""Who met which item is remembered: the newest of all interactions, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from tests.updates.learners.factors.rows import SCHEMA, rows
from updates.learners.factors import files
from updates.learners.factors.history import History
from updates.learners.factors.learner import Factors

PAIRS = st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 9)), max_size=40)
ALL = ["p", "q", "r", "s"]


def remembered(history, pairs):
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    history.remember(users, items.astype(np.uint64))


def of_all(history):
    return [history.of(user).tolist() for user in range(6)]


def naive(pairs, capacity):
    """By user of a plain list of all."""
    real = [(user, item) for user, item in pairs if user >= 0 and item]
    newest = real[max(len(real) - capacity, 0) :]
    return [[item for who, item in newest[::-1] if who == user] for user in range(6)]


@given(parts=st.lists(PAIRS, max_size=5), capacity=st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_it_is_a_plain_list_of_the_newest_however_they_come(parts, capacity):
    history, pairs = History(capacity), []
    for part in parts:
        remembered(history, part)
        pairs += part
        assert of_all(history) == naive(pairs, capacity)
    assert len(history) == sum(map(len, naive(pairs, capacity)))


@given(
    before=PAIRS, between=PAIRS, after=PAIRS, capacity=st.integers(0, 30), later=st.integers(0, 30)
)
@settings(max_examples=150, deadline=None)
def test_it_can_be_saved_and_followed_from_any_state_in_between(
    before, between, after, capacity, later
):
    history, first, second, loaded = (History(capacity) for _ in range(4))
    remembered(history, before)
    first.apply(history.to_arrays())
    history.track()
    remembered(history, between)
    second.apply(history.to_arrays())
    remembered(history, after)
    touched = history.touched()
    for follower in (first, second):
        follower.apply(touched)
        assert of_all(follower) == of_all(history)
        assert follower.total == history.total
    loaded.apply(history.to_arrays())
    assert of_all(loaded) == of_all(history)
    shorter = History(later)
    shorter.apply(history.to_arrays())
    assert of_all(shorter) == naive(before + between + after, min(capacity, later))


def test_it_grows_past_its_first_room():
    history, capacity = History(50_000), 50_000
    random = np.random.default_rng(1)
    users, items = random.integers(3_000, size=120_000), random.integers(1, 99, size=120_000)
    for start in range(0, len(users), 7_000):
        part = slice(start, start + 7_000)
        history.remember(users[part], items[part].astype(np.uint64))
    newest = slice(len(users) - capacity, None)
    for user in (0, 17, 2_999):
        expected = items[newest][users[newest] == user][::-1]
        assert history.of(user).tolist() == expected.tolist()
    assert history.nbytes == 12 * capacity


def left(learner, user="u"):
    """What is recommended of all items."""
    return set(learner.recommend(user, 10).items)


def taught(*triples, **options):
    learner = Factors(SCHEMA, {"dim": 3, **options})
    learner.fit([rows(*(("other", item, 1) for item in ALL), *triples)])
    return learner


def test_what_a_user_met_is_not_recommended_again_whatever_the_label():
    learner = taught(("u", "p", 1), ("u", "q", 0), epochs=3)
    assert left(learner) == {"r", "s"}
    learner.learn(rows(("u", "r", 1), ("u", None, 1), (None, "s", 1)))
    assert left(learner) == {"s"}
    assert left(learner, "stranger") == set(ALL)


def test_it_moves_with_the_users_and_begins_anew_with_them():
    learner = taught(("u", "p", 1))
    learner.train(["items"])
    learner.learn(rows(("u", "q", 1)))
    assert left(learner) == {"q", "r", "s"}
    learner.fit([rows(*(("u", item, 1) for item in ALL))])
    assert left(learner) == {"q", "r", "s"}
    learner.train(["users"])
    learner.learn(rows(("u", "q", 1)))
    assert left(learner) == {"r", "s"}
    learner.fit([rows(("u", "s", 1))])
    assert left(learner) == {"p", "q", "r"}


def test_a_snapshot_keeps_what_it_had():
    learner = taught(("u", "p", 1))
    before = learner.snapshot()
    learner.learn(rows(("u", "q", 1)))
    assert left(before) == {"q", "r", "s"}
    before.learn(rows(("u", "r", 1)))
    assert (left(before), left(learner)) == ({"q", "s"}, {"r", "s"})


@pytest.mark.parametrize("load", ["load", "load_serving"])
def test_it_is_saved_with_the_users(tmp_path, load):
    taught(("u", "p", 1)).save(tmp_path)
    loaded = Factors(SCHEMA, {"dim": 3})
    getattr(loaded, load)(tmp_path)
    assert left(loaded) == {"q", "r", "s"}


def test_users_saved_before_there_was_a_history_have_met_nothing(tmp_path):
    learner = taught(("u", "p", 1))
    learner.save(tmp_path)
    users = load_file(tmp_path / files.USERS)
    old = {name: array for name, array in users.items() if not name.startswith("history.")}
    save_file(old, tmp_path / files.USERS)
    learner.load(tmp_path)
    assert left(learner) == set(ALL)
    learner.learn(rows(("u", "q", 1)))
    assert left(learner) == {"p", "r", "s"}


def test_only_the_newest_are_kept_and_the_space_does_not_depend_on_it():
    learner = taught(("u", "p", 1), ("u", "q", 1), remember=1)
    assert left(learner) == {"p", "r", "s"}
    nothing = taught(("u", "p", 1), remember=0)
    assert left(nothing) == set(ALL)
    assert nothing.space_id == taught(("u", "p", 1)).space_id
    kept = taught(("u", "p", 1)).sparsity().deployed_bytes
    assert kept - nothing.sparsity().deployed_bytes == 12 * (len(ALL) + 1)
