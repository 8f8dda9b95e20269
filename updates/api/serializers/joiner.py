"""Impressions, feedback, and how far they are joined."""

from rest_framework import serializers

from updates.api.serializers.shapes import Refused
from updates.models.recommender import DelayedFeedback


class Taken(serializers.Serializer):
    """What became of impressions."""

    accepted = serializers.IntegerField(help_text="New ones.")
    repeated = serializers.IntegerField(help_text="Known already, with the same content.")
    rejected = Refused(many=True)
    duplicate = serializers.BooleanField(help_text="The Batch-Id was known; nothing was added.")


class Received(serializers.Serializer):
    """What became of feedback."""

    accepted = serializers.IntegerField()
    rejected = Refused(many=True)
    duplicate = serializers.BooleanField(help_text="The Batch-Id was known; nothing was added.")


class Counts(serializers.Serializer):
    """Counters since the beginning."""

    impressions = serializers.IntegerField(help_text="Taken, each once.")
    joined_positives = serializers.IntegerField(help_text="Samples with label 1.")
    joined_negatives = serializers.IntegerField(help_text="Samples with label 0.")
    left_out_negatives = serializers.IntegerField(help_text="No samples: negatives are sampled.")
    feedback = serializers.IntegerField(help_text="Rows of feedback taken.")
    confirmed_negatives = serializers.IntegerField(help_text="Feedback with label 0.")
    early = serializers.IntegerField(help_text="Feedback that came before its impression.")
    late = serializers.IntegerField(help_text="Positive feedback after the sample was made.")
    unknown = serializers.IntegerField(help_text="Feedback whose impression never came.")
    duplicate_impressions = serializers.IntegerField(help_text="Sent again, the same content.")
    refused_impressions = serializers.IntegerField(help_text="Sent again with other content.")
    duplicate_feedback = serializers.IntegerField(help_text="Positive where it was so already.")
    skewed = serializers.IntegerField(
        help_text="Event times in the future, or of feedback before its impression's."
    )


class DelayPoint(serializers.Serializer):
    """Share of the labels that came within so many seconds after their impression."""

    seconds = serializers.FloatField()
    share = serializers.FloatField()


class Delays(serializers.Serializer):
    """How long labels took in the last four weeks, from impression to feedback as they arrived."""

    labels = serializers.IntegerField()
    within_window = serializers.FloatField(
        allow_null=True, help_text="Share that came within join_window_seconds."
    )
    seconds_for_95_percent = serializers.FloatField(allow_null=True)
    curve = DelayPoint(many=True)


class JoinerAnswer(serializers.Serializer):
    """How far impressions are joined with their feedback."""

    delayed_feedback = serializers.ChoiceField(DelayedFeedback.choices)
    join_window_seconds = serializers.IntegerField()
    feedback_horizon_seconds = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Impressions that are no samples yet.")
    remembered = serializers.IntegerField(help_text="Impressions that feedback still finds.")
    early_waiting = serializers.IntegerField(help_text="Feedback whose impression is awaited.")
    counts = Counts()
    delays = Delays()
    mature_through = serializers.DateTimeField(
        allow_null=True,
        help_text="Event time before which labels are final, or at least 95 % of them have come; "
        "metrics of later samples are provisional. Null: nothing was ever joined.",
    )
