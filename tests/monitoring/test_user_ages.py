"""How old users' vectors are, and what refreshing was worth."""

import pyarrow as pa
import pytest

from monitoring.devices import lift
from monitoring.user_ages import AGES, user_ages

NOW_MS = 10_000_000_000
OBJECTIVE = 60


def ages(rows, told=None, learned=0):
    """rows : (user, offset, seconds ago)."""
    users, offsets, seconds = zip(*rows, strict=True)
    table = pa.table(
        {
            "user": pa.array(users, pa.string()),
            "offset": pa.array(offsets, pa.int64()),
            "event_time_ms": pa.array([NOW_MS - 1000 * s for s in seconds], pa.int64()),
        }
    )
    return user_ages(table, told or {}, learned, OBJECTIVE, NOW_MS)


def counted(found, source):
    """Ages that any user has: upper end → users; None is beyond, or nothing known."""
    return {
        end: count for end, count in zip([*AGES, None], found.ages[source], strict=True) if count
    }


def test_what_training_has_learned_is_known():
    found = ages([("a", 1, 500), ("a", 2, 5), ("b", 3, 4_000)], learned=3)
    assert (found.users, found.fresh, found.share) == (2, 2, 1.0)
    assert counted(found, "server") == {10: 1, 21_600: 1}
    assert counted(found, "client") == {}


def test_what_nobody_has_learned_makes_a_vector_old_once_it_is_past_the_objective():
    found = ages([("a", 1, 500), ("a", 2, 61), ("b", 3, 59)], learned=1)
    assert (found.users, found.fresh) == (2, 1)
    assert counted(found, "server") == {600: 1, None: 1}


def test_what_a_device_has_brought_is_known_before_training():
    rows = [("a", 1, 500), ("a", 2, 61), ("b", 3, 61)]
    found = ages(rows, told={"a": {2}, "gone": {9}}, learned=1)
    assert found.fresh == 1
    assert counted(found, "client") == {600: 1}
    assert counted(found, "server") == {None: 1}


def test_what_training_has_overtaken_is_its_own():
    found = ages([("a", 1, 5)], told={"a": {1}}, learned=1)
    assert counted(found, "server") == {10: 1}


def test_a_user_with_something_from_elsewhere_that_training_lacks_is_not_fresh():
    found = ages([("a", 1, 100), ("a", 2, 90)], told={"a": {2}})
    assert found.fresh == 0
    assert counted(found, "client") == {600: 1}


@pytest.mark.parametrize(
    ("gained", "squares", "certain"), [(5.0, 1.0, True), (0.5, 10.0, False), (-5.0, 1.0, True)]
)
def test_a_gain_is_told_with_its_interval(gained, squares, certain):
    counts = {"interactions": 100, "positives": 50, "gained": gained, "gained_squares": squares}
    found = lift(counts)
    assert found["ne_gain"] == pytest.approx(gained / 100 / 0.6931, rel=1e-3)
    assert found["certain"] is certain


@pytest.mark.parametrize("counts", [{}, {"interactions": 9, "positives": 9, "gained": 1.0}])
def test_without_both_labels_there_is_no_gain_to_tell(counts):
    assert set(lift(counts).values()) == {None}
