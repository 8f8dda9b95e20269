"""What users' devices send and get."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.api.serializers.shapes import Refused, RowList
from updates.flows.client_token import LONGEST_SECONDS, SHORTEST_SECONDS
from updates.flows.refresh_user import Present, Sent, Settled
from updates.learners.device import ItemVectors, UserVector
from updates.models import UpdatePolicy
from updates.models.policy import CLIENT_FIELDS
from updates.samples.devices import MOST_KEPT
from updates.samples.interactions import LONGEST_NAME

MOST_ITEMS = 500


class ClientTokenRequest(Strict):
    """For whose devices, and for how long."""

    user = serializers.CharField(max_length=LONGEST_NAME)
    ttl_seconds = serializers.IntegerField(
        default=3600, min_value=SHORTEST_SECONDS, max_value=LONGEST_SECONDS
    )


class ClientToken(serializers.Serializer):
    """Devices send it as ``Authorization: Client …``."""

    token = serializers.CharField()
    user = serializers.CharField()
    expires_at = serializers.DateTimeField()


class Learning(serializers.Serializer):
    """What a device must know to take the steps that the server takes."""

    loss = serializers.ChoiceField(["logistic", "bpr"])
    rate = serializers.FloatField()
    l2 = serializers.FloatField()
    dim = serializers.IntegerField()


class DevicePolicy(serializers.ModelSerializer):
    """What devices are told to do."""

    most_interactions = serializers.IntegerField(
        default=MOST_KEPT, read_only=True, help_text="In one request."
    )

    class Meta:
        model = UpdatePolicy
        fields = [*CLIENT_FIELDS, "most_interactions"]

    def to_representation(self, instance: UpdatePolicy) -> dict[str, Any]:
        return {name: getattr(instance, name) for name in CLIENT_FIELDS} | {
            "most_interactions": MOST_KEPT
        }


class Embedding(serializers.Serializer):
    """A user's vector in force."""

    user = serializers.CharField()
    vector = serializers.ListField(child=serializers.FloatField(), help_text="float32 values.")
    bias = serializers.FloatField()
    space_id = serializers.CharField(help_text="Of the items that it has its meaning beside.")
    revision = serializers.IntegerField(help_text="Grows with all that devices bring.")
    offset = serializers.IntegerField(help_text="Last offset that training has learned of users.")
    version = serializers.IntegerField()
    source = serializers.ChoiceField(
        ["client", "server"], help_text="client: devices know more than training has learned."
    )
    learning = Learning()
    policy = DevicePolicy(allow_null=True, help_text="null: devices are to send nothing.")


class InteractionCounts(serializers.Serializer):
    """What became of the interactions of a request; none of them is to be sent again."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text="Taken before.")
    rejected = Refused(many=True)


class SettledEmbedding(Embedding):
    """What the device goes on from."""

    outcome = serializers.ChoiceField(["accepted", "merged"])
    interactions = InteractionCounts()


class SentEmbedding(Strict):
    """A vector, what it began from, and the interactions behind it: ``{id, item, label, event_time,
    weight?, over?}`` each, refused one by one."""

    space_id = serializers.CharField(max_length=64)
    revision = serializers.IntegerField(min_value=0)
    offset = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)
    vector = serializers.ListField(
        child=serializers.FloatField(), min_length=1, max_length=1024, help_text="float32 values."
    )
    bias = serializers.FloatField(default=0.0)
    sent_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="By the device's clock."
    )
    interactions = RowList(max_length=MOST_KEPT, required=False, default=list)
    steps = serializers.IntegerField(
        min_value=0,
        max_value=MOST_KEPT,
        default=0,
        help_text="Where the policy sends vectors only: the sum of the weights of the interactions "
        "behind it, each at least 1.",
    )

    def to_sent(self) -> Sent:
        """As the flow takes it; numbers beyond float32 become infinite."""
        given = dict(self.validated_data)
        with np.errstate(over="ignore"):
            vector = np.array(given.pop("vector"), np.float64).astype(np.float32)
            bias = float(np.float32(given.pop("bias")))
        return Sent(user=UserVector(vector, bias), **given)


class ItemsQuery(Strict):
    item = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_NAME), min_length=1, max_length=MOST_ITEMS
    )


class Items(serializers.Serializer):
    """Vectors of items, those that are not known left out."""

    space_id = serializers.CharField()
    version = serializers.IntegerField()
    offset = serializers.IntegerField()
    dim = serializers.IntegerField()
    items = serializers.ListField(child=serializers.CharField())
    biases = serializers.ListField(
        child=serializers.FloatField(), help_text="Of the item and of all, as steps take them."
    )
    vectors = serializers.CharField(help_text="base64 of little-endian float32, row by row.")
    unknown_bias = serializers.FloatField(
        help_text="Of an item that is not known; its vector is 0."
    )


def embedding_json(user: str, present: Present) -> dict[str, Any]:
    """The members of ``Embedding``."""
    found = present.vector
    return {
        "user": user,
        "vector": found.user.vector.tolist(),
        "bias": found.user.bias,
        "space_id": found.space_id,
        "revision": found.revision,
        "offset": found.offset,
        "version": present.version,
        "source": found.source,
        "learning": present.learning,
        "policy": present.policy and DevicePolicy(present.policy).data,
    }


def interactions_json(settled: Settled) -> dict[str, Any]:
    """The members of ``InteractionCounts``."""
    return InteractionCounts(settled).data


def items_json(found: ItemVectors, space_id: str, version: int, offset: int) -> dict[str, Any]:
    """The members of ``Items``."""
    return {
        "space_id": space_id,
        "version": version,
        "offset": offset,
        "dim": found.vectors.shape[1],
        "items": found.names,
        "biases": found.biases.tolist(),
        "vectors": b64encode(found.vectors.astype("<f4").tobytes()).decode(),
        "unknown_bias": found.unknown_bias,
    }
