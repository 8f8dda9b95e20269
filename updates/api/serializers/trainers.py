"""What trainers of external models are told, and what they report."""

from __future__ import annotations

from math import isfinite
from typing import Any

from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.flows.external.publish import Predictions, Report
from updates.flows.external.reports import MOST_METRICS
from updates.flows.external.samples import MOST_ROWS
from updates.models.run import RunState

# Whole numbers of 64 bits with a sign, as databases have them.
LARGEST = 2**63 - 1
MOST_SCORES = 1_000_000
SHA256 = r"^[0-9a-f]{64}$"


class HalfOpen(serializers.Serializer):
    """Offsets from ``first_offset`` up to ``next_offset``, which is not among them."""

    first_offset = serializers.IntegerField()
    next_offset = serializers.IntegerField()


class ParquetFile(serializers.Serializer):
    """An archived part of the log, where the machine's files can be read."""

    first_offset = serializers.IntegerField()
    last_offset = serializers.IntegerField()
    path = serializers.CharField()


class Told(serializers.Serializer):
    """A run as its trainer sees it."""

    id = serializers.IntegerField()
    recommender = serializers.CharField()
    attempt = serializers.IntegerField(help_text="Every report names it.")
    strategy = serializers.CharField()
    components = serializers.ListField(child=serializers.CharField())
    base_version = serializers.IntegerField(
        allow_null=True, help_text="What an incremental update builds on; null of a full one."
    )
    first_offset = serializers.IntegerField()
    next_offset = serializers.IntegerField(help_text="One past the last sample to learn.")
    holdout = HalfOpen(help_text="To be predicted before it is learned.")
    window_seconds = serializers.IntegerField(allow_null=True)
    lease_seconds = serializers.IntegerField(help_text="Report at least so often.")
    samples_url = serializers.CharField()
    report_url = serializers.CharField()
    parquet = ParquetFile(many=True)


class ClaimSerializer(Strict):
    """Which run is asked for; left out, any."""

    strategy = serializers.ChoiceField(choices=["full", "incremental"], required=False)
    components = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    worker = serializers.CharField(required=False, max_length=100, help_text="Who asks.")


class SamplesQuery(Strict):
    """Which samples; left out, those to learn and those of the holdout."""

    first_offset = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST)
    next_offset = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST)
    limit = serializers.IntegerField(default=MOST_ROWS, min_value=1, max_value=MOST_ROWS)


class Number(serializers.FloatField):
    """Finite: JSON has neither infinity nor what is no number, though strings may spell them."""

    def to_internal_value(self, data: Any) -> float:
        value = float(super().to_internal_value(data))
        if not isfinite(value):
            self.fail("invalid")
        return value


def trainer_metrics() -> serializers.DictField:
    """What a trainer measured."""
    return serializers.DictField(
        child=Number(), required=False, allow_null=True, help_text="Numbers by name."
    )


def few_metrics(
    _serializer: serializers.Serializer, metrics: dict[str, float] | None
) -> dict[str, float] | None:
    """``validate_metrics`` of a report."""
    if metrics is not None and len(metrics) > MOST_METRICS:
        raise serializers.ValidationError(f"At most {MOST_METRICS}.")
    return metrics


class Attempt(Strict):
    """A report; of an attempt that is over it changes nothing."""

    attempt = serializers.IntegerField(min_value=1, max_value=2**31 - 1)

    validate_metrics = few_metrics


class ProgressSerializer(Attempt):
    """How far the trainer is; also its sign of life."""

    phase = serializers.CharField(required=False, allow_null=True, max_length=40)
    done = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=LARGEST)
    total = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=LARGEST
    )
    metrics = trainer_metrics()


class HeardSerializer(serializers.Serializer):
    """Whether to go on."""

    state = serializers.ChoiceField(choices=RunState.choices)
    lease_seconds = serializers.IntegerField(help_text="Report again before so many have passed.")
    cancelled = serializers.BooleanField(help_text="True: stop, nobody waits for the model.")


class FailSerializer(Attempt):
    """Why there will be no model."""

    error = serializers.CharField(max_length=10_000)


class UploadQuery(Strict):
    """Of which attempt the file is, and what its sender calls it."""

    attempt = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    name = serializers.CharField(default="model", max_length=200)

    def validate_name(self, name: str) -> str:
        if not name.isprintable():
            raise serializers.ValidationError("Must be printable.")
        return name


class Uploaded(serializers.Serializer):
    """What was kept."""

    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()


class ArtifactSerializer(Strict):
    """The file that was uploaded, or with ``uri`` one that lies elsewhere and is not fetched."""

    sha256 = serializers.RegexField(SHA256)
    uri = serializers.CharField(required=False, max_length=2_000)

    def validate_uri(self, uri: str) -> str:
        if not uri.isprintable():
            raise serializers.ValidationError("Must be printable.")
        return uri


def _scores(**about: Any) -> serializers.ListField:
    probability = Number(min_value=0, max_value=1)
    return serializers.ListField(child=probability, max_length=MOST_SCORES, **about)


class PredictionsSerializer(Strict):
    """The new model's, of the samples from ``first_offset`` to the end of the holdout in order."""

    first_offset = serializers.IntegerField(min_value=1, max_value=LARGEST)
    scores = _scores()
    base_scores = _scores(
        required=False,
        allow_null=True,
        help_text="What base_version predicts of the same samples, to be compared with.",
    )


class PublishSerializer(Attempt):
    """The model that the trainer has made."""

    watermark = serializers.DateTimeField(help_text="Newest event time that it has learned.")
    next_offset = serializers.IntegerField(
        min_value=1, max_value=LARGEST, help_text="One past the last sample that it has learned."
    )
    metrics = trainer_metrics()
    artifact = ArtifactSerializer()
    predictions = PredictionsSerializer(required=False, allow_null=True)


def report_of(sent: dict[str, Any]) -> Report:
    """What was published, as the flow takes it."""
    artifact, predictions = sent["artifact"], sent.get("predictions")
    return Report(
        watermark=sent["watermark"],
        next_offset=sent["next_offset"],
        sha256=artifact["sha256"],
        uri=artifact.get("uri", ""),
        metrics=sent.get("metrics"),
        predictions=Predictions(**predictions) if predictions else None,
    )
