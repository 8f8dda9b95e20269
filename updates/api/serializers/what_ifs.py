"""What-ifs of admission and expiry."""

from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.flows.what_if import (
    ADMIT_CHOICES,
    FEWEST_SAMPLES,
    MOST_SAMPLES,
    MOST_SETTINGS,
    SAMPLES,
)
from updates.models import WhatIf


class WhatIfRequest(Strict):
    """All pairs of these settings are replayed beside the present one."""

    admit_after = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        min_length=1,
        max_length=MOST_SETTINGS,
        default=list(ADMIT_CHOICES),
        help_text="Occurrences after which a feature is admitted.",
    )
    expire_after = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        min_length=1,
        max_length=MOST_SETTINGS,
        help_text="Days after which an unused feature goes, 0: never. Left out: as at present.",
    )
    samples = serializers.IntegerField(
        required=False,
        default=SAMPLES,
        min_value=FEWEST_SAMPLES,
        max_value=MOST_SAMPLES,
        help_text="So many of the newest; all, where there are fewer.",
    )


class WhatIfSetting(serializers.Serializer):
    """A setting; the first of a study is the present one."""

    admit_after = serializers.IntegerField()
    expire_after = serializers.IntegerField()


class WhatIfResultSerializer(serializers.Serializer):
    """What came of one setting; ``low`` and ``high`` are a 95 % interval of ``ne_increase``."""

    samples = serializers.IntegerField(help_text="Judged: the second half of those replayed.")
    ne = serializers.FloatField(allow_null=True)
    auc = serializers.FloatField(allow_null=True)
    ne_increase = serializers.FloatField(
        allow_null=True, help_text="NE less that of the present setting, on the same samples."
    )
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    seen = serializers.IntegerField()
    admitted = serializers.IntegerField()
    non_zero = serializers.IntegerField()
    deployed_bytes = serializers.IntegerField(help_text="That serving loads.")
    saved_bytes = serializers.IntegerField(help_text="Of the files that learning goes on from.")


class WhatIfSerializer(serializers.ModelSerializer):
    """A replay of the newest samples by several settings of admission and expiry."""

    settings = WhatIfSetting(many=True)
    results = WhatIfResultSerializer(many=True, help_text="In the order of the settings.")
    total = serializers.IntegerField(help_text="Samples to be replayed.")
    requested_by = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = WhatIf
        fields = [
            "id",
            "state",
            "outcome",
            "learner_options",
            "settings",
            "results",
            "first_offset",
            "last_offset",
            "samples",
            "total",
            "cpu_seconds",
            "requested_by",
            "requested_at",
            "finished_at",
        ]
        read_only_fields = fields
