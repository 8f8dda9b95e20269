"""What was predicted of samples: by the live version here, or where they were scored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from updates.models import ModelVersion, Recommender
from updates.serving import scorer


def is_predicted(recommender: Recommender, version: ModelVersion | None) -> bool:
    """Whether there are predictions of its samples: logged ones, or those of a version here."""
    return recommender.logs_predictions or (version is not None and recommender.trained_here)


def predictions(
    recommender: Recommender, version: ModelVersion | None, samples: pa.Table | pa.RecordBatch
) -> np.ndarray:
    """(n,) predictions, NaN where none was logged. Only where there are some.

    Raises CorruptArtifact and UnknownLearner where the version cannot be loaded.
    """
    if not recommender.logs_predictions:
        return scorer.predict(version, samples)
    logged = samples.column(recommender.sample_schema.prediction)
    return np.asarray(logged.fill_null(np.nan), np.float64)
