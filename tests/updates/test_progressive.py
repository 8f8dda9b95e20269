"""Progressive measures of a stream with fake negatives are of its impressions."""

import numpy as np
import pytest

from updates.metrics import quality
from updates.progressive import Progressive

P = np.array([0.1, 0.7, 0.4, 0.2])
LABELS = np.array([0.0, 1.0, 1.0, 0.0])
WEIGHTS = np.array([1.0, 2.0, 1.0, 0.0])


def counted(*, fake_negatives, positives=LABELS > 0.5):
    progressive = Progressive(fake_negatives=fake_negatives)
    progressive.add(np.zeros(4), P, WEIGHTS)
    progressive.add(np.ones(int(positives.sum())), P[positives], WEIGHTS[positives])
    return progressive.quality()


def test_a_positive_takes_back_its_fake_negative():
    assert counted(fake_negatives=True).to_json() == pytest.approx(
        quality(LABELS, P, WEIGHTS).to_json(), abs=1e-3
    )


def test_otherwise_it_is_a_sample_of_its_own():
    assert counted(fake_negatives=False).samples == 6


def test_more_taken_back_than_counted_is_no_measure():
    progressive = Progressive(fake_negatives=True)
    progressive.add(np.array([1.0]), P[:1], WEIGHTS[:1])
    assert progressive.quality().ne is None
