"""Learners by name: the built-in ones, and those that other packages bring.

A package adds a learner by an entry point of the group ``recadmin.learners``: its name is the
learner's, its object a subclass of ``updates.learners.base.Learner``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from updates.learners.base import Learner

GROUP = "recadmin.learners"
# As entry points too, so that LightGBM is imported only by who uses it.
BUILT_IN = (
    EntryPoint("sparse_linear", "updates.learners.sparse.linear:SparseLinear", GROUP),
    EntryPoint("gbdt", "updates.learners.gbdt:GBDT", GROUP),
    EntryPoint("gbdt_lr", "updates.learners.gbdt_lr.learner:GBDTLR", GROUP),
    EntryPoint("wide_deep", "updates.learners.wide_deep.learner:WideDeep", GROUP),
    EntryPoint("external", "updates.learners.external:External", GROUP),
    EntryPoint("monitored", "updates.learners.monitored:Monitored", GROUP),
    EntryPoint("factors", "updates.learners.factors.learner:Factors", GROUP),
    EntryPoint("sklearn", "updates.learners.sklearn_estimator.learner:SklearnEstimator", GROUP),
)


class UnknownLearner(LookupError):
    """No learner of that name is installed."""


@cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in (*entry_points(group=GROUP), *BUILT_IN)}


def names() -> list[str]:
    """Names of all learners, sorted."""
    return sorted(_entries())


def get(name: str) -> type[Learner]:
    """The learner of that name; raises UnknownLearner."""
    try:
        entry = _entries()[name]
    except KeyError:
        raise UnknownLearner(f"{name!r} is no learner; there are {', '.join(names())}") from None
    learner: type[Learner] = entry.load()
    return learner
