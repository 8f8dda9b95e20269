"""Values of features, and how they are called in sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from updates.samples.encoder import Encoded
from updates.samples.hashing import cross_name
from updates.samples.schema import SampleSchema

TIMES = cross_name("", "")


@dataclass(frozen=True)
class Value:
    """A value of a feature, by the names that the sample log has for it.

    words : as in a sentence. A cross is "topic = sports with daypart = evening", a number its
        field's name, and what all samples have in common "all samples", its feature being "".
    """

    feature: str
    value: str
    words: str


ALL = Value("", "", "all samples")


def value_of(feature: str, value: str, schema: SampleSchema) -> Value:
    """With its words."""
    crosses = {cross_name(*pair): pair for pair in schema.crosses}
    if feature in crosses and value.count(TIMES) == 1:
        left, right = crosses[feature]
        one, other = value.split(TIMES)
        return Value(feature, value, f"{left} = {one} with {right} = {other}")
    if feature in schema.numeric:
        return Value(feature, value, feature)
    return Value(feature, value, f"{feature} = {value}")


def described(encoded: Encoded, positions: np.ndarray, schema: SampleSchema) -> list[Value]:
    """The values at some positions among the encoded keys."""
    features, values = encoded.names(np.asarray(positions, np.int64))
    named = zip(features.to_pylist(), values.to_pylist(), strict=True)
    return [value_of(feature, value, schema) for feature, value in named]
