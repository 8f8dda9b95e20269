"""Learners: models that learn from batches of samples. A library: imports no Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from updates.learners.sparse.classifier import (
        FOBOSClassifier,
        FTRLClassifier,
        RDAClassifier,
        TruncatedGradientClassifier,
    )

__all__ = ["FOBOSClassifier", "FTRLClassifier", "RDAClassifier", "TruncatedGradientClassifier"]


def __getattr__(name: str) -> Any:
    """Import the classifiers when asked for: scikit-learn and numba take a second to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from updates.learners.sparse import classifier

    return getattr(classifier, name)
