from importlib.metadata import EntryPoint

import pytest

from updates.learners import registry
from updates.learners.sparse.linear import SparseLinear


@pytest.fixture
def installed(monkeypatch):
    """Entry points of other packages."""
    entries = []
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._entries.cache_clear()
    yield entries
    registry._entries.cache_clear()


def test_built_in_learners_have_names():
    assert {"gbdt", "sparse_linear"} <= set(registry.names())
    assert registry.get("sparse_linear") is SparseLinear


def test_another_package_adds_a_learner_by_an_entry_point(installed):
    value = "tests.updates.learners.counting:Counting"
    installed.append(EntryPoint("counting", value, registry.GROUP))
    assert "counting" in registry.names()
    assert registry.get("counting").name == "counting"


def test_a_built_in_learner_keeps_its_name(installed):
    value = "tests.updates.learners.counting:Counting"
    installed.append(EntryPoint("sparse_linear", value, registry.GROUP))
    assert registry.get("sparse_linear") is SparseLinear


def test_a_package_that_cannot_be_imported_does_not_hide_the_others(installed):
    installed.append(EntryPoint("broken", "no_such_module:Learner", registry.GROUP))
    assert registry.get("sparse_linear") is SparseLinear
    with pytest.raises(ModuleNotFoundError):
        registry.get("broken")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(registry.UnknownLearner, match=r"'ftlr' is no learner; .*sparse_linear"):
        registry.get("ftlr")
