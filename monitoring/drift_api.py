"""The API's account of drift."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.drift.compare import KINDS, FeatureDrift, Verdict
from monitoring.drift.sentences import sentence
from monitoring.drift_report import WINDOW, DriftReport, report
from monitoring.sketches import Period
from updates.api.serializers.base import Strict
from updates.api.views.base import OfRecommender, query

DriftQuery = type(
    "DriftQuery",
    (Strict,),
    {
        "__doc__": "Two spans of arrivals: the last hour against the live version's training "
        "range unless said otherwise.",
        "from": serializers.DateTimeField(required=False),
        "to": serializers.DateTimeField(required=False),
        "against_from": serializers.DateTimeField(required=False),
        "against_to": serializers.DateTimeField(required=False),
    },
)


class DriftPeriod(serializers.Serializer):
    """Samples that were looked at, to the width of what is sketched; null: there are none."""

    first_offset = serializers.IntegerField(allow_null=True)
    last_offset = serializers.IntegerField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True, help_text="By arrival.")
    ends_at = serializers.DateTimeField(allow_null=True)


class DriftBin(serializers.Serializer):
    """One bin of both distributions: deciles of the earlier period, or frequent values."""

    label = serializers.CharField(allow_blank=True)
    now = serializers.FloatField(help_text="Share of the rows.")
    against = serializers.FloatField()


class FeatureDriftSerializer(serializers.Serializer):
    """One feature in two periods."""

    feature = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(KINDS))
    rows = serializers.IntegerField(help_text="Of a multi-valued feature: values.")
    rows_against = serializers.IntegerField()
    psi = serializers.FloatField(help_text="Population stability index, in nats.")
    js_distance = serializers.FloatField(
        help_text="Jensen–Shannon distance: the square root of the divergence in nats."
    )
    noise_floor = serializers.FloatField(
        allow_null=True,
        help_text="PSI that is exceeded one time in twenty without any drift, at these numbers of "
        "rows; null: a period has no rows of it.",
    )
    new_value_rate = serializers.FloatField(
        help_text="Share of the values that the earlier period did not have; 0 for numbers."
    )
    new_value_floor = serializers.FloatField(
        help_text="Rate that is exceeded one time in twenty without any drift."
    )
    contribution = serializers.FloatField(help_text="Share of all effects beyond chance.")
    verdict = serializers.ChoiceField(choices=list(Verdict))
    sentence = serializers.CharField()
    alarm_since = serializers.DateTimeField(allow_null=True)
    bins = DriftBin(many=True)


class DriftAnswer(serializers.Serializer):
    """Features by their contribution, and the label."""

    now = DriftPeriod()
    against = DriftPeriod()
    version = serializers.IntegerField(
        allow_null=True, help_text="Whose training range is compared against; null: a span is."
    )
    missing = serializers.CharField(
        allow_blank=True, help_text='Why nothing is compared, and what to do; "": it is.'
    )
    features = FeatureDriftSerializer(many=True)
    label = FeatureDriftSerializer(allow_null=True)
    prediction = FeatureDriftSerializer(
        allow_null=True,
        help_text="Predictions, each by the version that was live when its sample was sketched.",
    )
    loss_rose_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When ADWIN saw the log loss on newly arrived samples rise; null: it has not, or "
        "has fallen since.",
    )


class DriftView(OfRecommender):
    @extend_schema(parameters=[DriftQuery], responses=DriftAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """How samples differ from those that the live version learned, or from another span's."""
        wanted, now = query(request, DriftQuery), timezone.now()
        span = _span(wanted, "from", "to", now)
        against = _span(wanted, "against_from", "against_to", now)
        found = report(self.recommender, now, span, against)
        return Response(DriftAnswer(to_json(found)).data)


def to_json(found: DriftReport) -> dict[str, Any]:
    """The form that the API answers."""
    return {
        "now": _period(found.now),
        "against": _period(found.against),
        "version": found.version,
        "missing": found.missing,
        "features": [_feature(drift, found.alarms) for drift in found.features],
        "loss_rose_at": found.loss_rose_at,
        "prediction": found.prediction and _feature(found.prediction, found.alarms),
        "label": found.label and _feature(found.label, found.alarms),
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "first_offset": period.first_offset or None,
        "last_offset": period.last_offset or None,
        "starts_at": period.starts_at,
        "ends_at": period.ends_at,
    }


def _feature(drift: FeatureDrift, alarms: dict[str, datetime]) -> dict[str, Any]:
    rows, against = drift.rows
    shares = drift.bins.shares()
    return {
        "feature": drift.feature,
        "kind": drift.kind,
        "rows": rows,
        "rows_against": against,
        "psi": drift.psi,
        "js_distance": drift.js_distance,
        "noise_floor": drift.psi_by_chance if rows and against else None,
        "new_value_rate": drift.new_value_rate,
        "new_value_floor": drift.new_values_by_chance,
        "contribution": drift.contribution,
        "verdict": drift.verdict,
        "sentence": sentence(drift),
        "alarm_since": alarms.get(drift.feature),
        "bins": [
            {"label": label, "now": now, "against": before}
            for label, now, before in zip(drift.bins.labels, *shares, strict=True)
            if now or before
        ],
    }


def _span(
    wanted: dict[str, datetime], start: str, end: str, now: datetime
) -> tuple[datetime, datetime] | None:
    """The span of two parameters, one of which may be left out; None where both are."""
    if start not in wanted and end not in wanted:
        return None
    stop = wanted.get(end, now)
    begin = wanted.get(start, stop - WINDOW)
    if begin >= stop:
        raise serializers.ValidationError({start: f"Must be before {end} ({stop.isoformat()})."})
    return begin, stop
