"""Users' devices: their tokens, their user's vector, the vectors of items."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from updates.api.client_tokens import ClientTokenAuthentication, OwnUserOrRole
from updates.api.problems import Problem
from updates.api.schema import refuses
from updates.api.serializers.devices import (
    ClientToken,
    ClientTokenRequest,
    Embedding,
    Items,
    ItemsQuery,
    SentEmbedding,
    SettledEmbedding,
    embedding_json,
    interactions_json,
    items_json,
)
from updates.api.views.base import OfRecommender, body
from updates.flows.client_token import mint
from updates.flows.refresh_user import (
    Outcome,
    client_policy,
    refresh_user,
    user_vector,
)
from updates.learners.base import Learner
from updates.serving import scorer

MOVED = {
    Outcome.SPACE_MOVED: "The items have moved to another space: go on from the vector given here.",
    Outcome.REVISION_MOVED: "Another device was faster: go on from the vector given here.",
}


class ForDevices(OfRecommender):
    """A view that devices may use as well; ``user``: whose it is, None where it is nobody's."""

    takes_data = True
    authentication_classes = [
        ClientTokenAuthentication,
        *api_settings.DEFAULT_AUTHENTICATION_CLASSES,
    ]
    permission_classes = [OwnUserOrRole]

    @property
    def user(self) -> str | None:
        return self.kwargs.get("user")


class ClientTokens(OfRecommender):
    takes_data = True

    @extend_schema(request=ClientTokenRequest, responses={201: ClientToken})
    @refuses(409)
    def post(self, request: Request, slug: str) -> Response:
        """A token for the devices of one user. Ask for it from your back end, which knows who has
        logged in."""
        client_policy(self.recommender)
        given = body(self, ClientTokenRequest)
        token, expires_at = mint(self.recommender, **given)
        answer = {"token": token, "user": given["user"], "expires_at": expires_at}
        return Response(ClientToken(answer).data, status=201)


class EmbeddingView(ForDevices):
    @extend_schema(responses=Embedding)
    @refuses(409, 429, 503)
    def get(self, request: Request, slug: str, user: str) -> Response:
        """A user's vector in force; zeros of one that is not known."""
        found = user_vector(self.recommender, user)
        return Response(embedding_json(user, found))

    @extend_schema(request=SentEmbedding, responses=SettledEmbedding)
    @refuses(409, 429, 503)
    def put(self, request: Request, slug: str, user: str) -> Response:
        """Take what a device sends; the answer is what it goes on from. So is `present` of the
        problems space-moved and revision-moved: with the first, interactions sent are taken."""
        read = SentEmbedding(data=request.data)
        read.is_valid(raise_exception=True)
        settled = refresh_user(self.recommender, user, read.to_sent(), timezone.now())
        present = embedding_json(user, settled.present)
        members = present | {"interactions": interactions_json(settled)}
        if settled.outcome in MOVED:
            raise Problem(
                409, MOVED[settled.outcome], str(settled.outcome), more={"present": members}
            )
        return Response(members | {"outcome": settled.outcome})


class ItemsView(ForDevices):
    @extend_schema(
        parameters=[OpenApiParameter("item", str, many=True, required=True)], responses=Items
    )
    @refuses(409, 429)
    def get(self, request: Request, slug: str) -> Response:
        """Vectors of items, for devices to learn and to rank with."""
        read = ItemsQuery(data={"item": request.query_params.getlist("item")})
        read.is_valid(raise_exception=True)
        served = scorer.served(self.recommender)

        def ask(learner: Learner) -> dict[str, Any]:
            side = learner.on_device()
            found = side.items(read.validated_data["item"])
            return items_json(found, side.space_id, served.number, served.weights.offset)

        return Response(served.weights.read(ask)[0])
