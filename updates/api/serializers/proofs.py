"""Proofs of versions."""

from rest_framework import serializers

from updates.models import Proof


class ProofSerializer(serializers.ModelSerializer):
    """One time that a version was learned again from the log and its bytes compared."""

    version = serializers.SlugRelatedField(slug_field="number", read_only=True)
    requested_by = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Proof
        fields = [
            "id",
            "version",
            "state",
            "outcome",
            "samples",
            "cpu_seconds",
            "requested_by",
            "requested_at",
            "finished_at",
        ]
        read_only_fields = fields
