"""Samples in, scores and recommendations out."""

from dataclasses import asdict
from uuid import uuid4

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import VIEWER
from updates.api.feature_times import HEADER, NAME, from_header, tell
from updates.api.parsers import (
    ARROW_STREAM,
    NDJSON,
    ArrowSamples,
    JSONSamples,
    NDJSONSamples,
    SampleBody,
)
from updates.api.schema import refuses
from updates.api.serializers.shapes import (
    Appended,
    RecommendationsQuery,
    RecommendedItems,
    Rows,
    Scored,
)
from updates.api.views.base import OfRecommender, body, query
from updates.api.views.devices import ForDevices
from updates.flows.append_samples import append_samples
from updates.flows.own_log import ensure_owns_log
from updates.serving import scorer
from updates.serving.fall_back import answer, stale_headers

LONGEST_BATCH_ID = 200
BATCH_ID = OpenApiParameter(
    "Batch-Id",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_BATCH_ID},
    OpenApiParameter.HEADER,
    description="Names the batch: sent again under the same name, it adds nothing.",
)
GIVEN_BATCH_ID = OpenApiParameter(
    "Batch-Id", str, OpenApiParameter.HEADER, response=[202], description="Yours, or a new one."
)
CONTENT = {
    "application/json": {"type": "array", "items": {"type": "object"}},
    NDJSON: OpenApiTypes.STR,
    ARROW_STREAM: OpenApiTypes.BINARY,
}


class Samples(OfRecommender):
    takes_data = True
    parser_classes = [JSONSamples, NDJSONSamples, ArrowSamples]

    @extend_schema(
        request=CONTENT, responses={202: Appended}, parameters=[BATCH_ID, GIVEN_BATCH_ID, HEADER]
    )
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """Append labelled samples; on disk when answered. Bad rows are refused one by one."""
        ensure_owns_log(self.recommender)
        batch_id = batch_id_of(request)
        parsed = rows_of(request).read(self.recommender.sample_schema)
        tell(self.recommender, from_header(request), parsed.batch.num_rows, NAME)
        answer = {"first_offset": None, "last_offset": None, "duplicate": False}
        if parsed.batch.num_rows:
            answer = asdict(append_samples(self.recommender, parsed.batch, batch_id=batch_id))
        answer |= {"accepted": parsed.batch.num_rows, "rejected": parsed.errors}
        return Response(Appended(answer).data, status=202, headers={"Batch-Id": batch_id})


class Score(OfRecommender):
    takes_data = True

    write_role = VIEWER

    @extend_schema(request=Rows, responses=Scored)
    @refuses(409)
    def post(self, request: Request, slug: str) -> Response:
        """Score rows with the live version."""
        asked, recommender = body(self, Rows), self.recommender
        rows = asked["rows"]
        tell(recommender, asked.get("feature_times", {}), len(rows), "feature_times")
        found = answer(recommender, lambda who: scorer.score(who, rows))
        return Response(Scored(found).data, headers=stale_headers(recommender, found))


class Recommendations(ForDevices):
    @property
    def user(self) -> str:
        return self.request.query_params.get("user", "")

    @extend_schema(parameters=[RecommendationsQuery], responses=RecommendedItems)
    @refuses(409, 429)
    def get(self, request: Request, slug: str) -> Response:
        """The items that score highest for a user, of those that the user has not met yet.

        A user that is not known gets what all like.
        """
        recommender, asked = self.recommender, query(request, RecommendationsQuery)
        found = answer(recommender, lambda who: scorer.recommend(who, **asked))
        return Response(RecommendedItems(found).data, headers=stale_headers(recommender, found))


def batch_id_of(request: Request) -> str:
    """The Batch-Id that came with the request, or a new one; raises ValidationError."""
    batch_id = request.headers.get("Batch-Id", uuid4().hex)
    if not 1 <= len(batch_id) <= LONGEST_BATCH_ID or not batch_id.isprintable():
        allowed = f"Must have 1 to {LONGEST_BATCH_ID} printable characters."
        raise ValidationError({"Batch-Id": allowed})
    return batch_id


def rows_of(request: Request) -> SampleBody:
    """The rows that came with the request; raises ValidationError where there is no body."""
    if not isinstance(request.data, SampleBody):
        raise ValidationError("The body is empty; send at least one row.")
    return request.data
