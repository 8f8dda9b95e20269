"""Steps that are trained one after the other: what changes the features, and last the classifier.

Not ``sklearn.pipeline.Pipeline``, which has no ``partial_fit``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from updates.learners.gbdt import probabilities
from updates.learners.sklearn_estimator.rows import Rows

LABELS = np.array([0, 1])


class Chain:
    """Estimators in order; the last one predicts."""

    def __init__(self, steps: Sequence[Any]) -> None:
        self.steps = list(steps)

    @property
    def names(self) -> list[str]:
        """The classes of the steps."""
        return [type(step).__name__ for step in self.steps]

    @property
    def learns_on(self) -> bool:
        """Whether all of it can learn more rows on top of what it knows."""
        return not self.without_partial_fit

    @property
    def without_partial_fit(self) -> list[str]:
        """Names of the steps that must be fitted anew for that."""
        from sklearn.utils import get_tags

        return [
            type(step).__name__
            for step in self.steps
            if not hasattr(step, "partial_fit") and get_tags(step).requires_fit
        ]

    @property
    def takes_sparse(self) -> bool:
        """Whether the first step takes a sparse matrix."""
        from sklearn.utils import get_tags

        return bool(get_tags(self.steps[0]).input_tags.sparse)

    @property
    def takes_nulls(self) -> bool:
        """Whether all steps take NaN for what is not known: most leave it to the next."""
        from sklearn.utils import get_tags

        return all(get_tags(step).input_tags.allow_nan for step in self.steps)

    def learn(self, rows: Rows) -> None:
        """Learn rows on top of what is known."""
        features = rows.features
        for step in self.steps[:-1]:
            if hasattr(step, "partial_fit"):
                step.partial_fit(features, **_weights(step.partial_fit, rows))
            features = step.transform(features)
        last = self.steps[-1]
        last.partial_fit(features, rows.labels, classes=LABELS, **_weights(last.partial_fit, rows))

    def fit(self, rows: Rows) -> None:
        """Forget, and learn these rows, which have both labels."""
        features = rows.features
        for step in self.steps[:-1]:
            features = step.fit(features, **_weights(step.fit, rows)).transform(features)
        last = self.steps[-1]
        last.fit(features, rows.labels, **_weights(last.fit, rows))

    def predict(self, features: Any) -> np.ndarray:
        """(n,) probabilities of label 1: the classifier's own, or σ of its decision function."""
        for step in self.steps[:-1]:
            features = step.transform(features)
        last = self.steps[-1]
        if hasattr(last, "predict_proba"):
            column = list(last.classes_).index(1)
            return np.asarray(last.predict_proba(features)[:, column], np.float64)
        return probabilities(np.asarray(last.decision_function(features), np.float64))


def _weights(method: Callable[..., Any], rows: Rows) -> dict[str, np.ndarray]:
    """The weights, for a method that takes them."""
    takes = "sample_weight" in inspect.signature(method).parameters
    return {"sample_weight": rows.weights} if takes else {}
