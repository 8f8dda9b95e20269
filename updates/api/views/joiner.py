"""Impressions and feedback in, samples when they are joined."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from updates import joiners
from updates.api.feature_times import HEADER, NAME, from_header, tell
from updates.api.parsers import ArrowSamples, JSONSamples, NDJSONSamples
from updates.api.schema import refuses
from updates.api.serializers.joiner import JoinerAnswer, Received, Taken
from updates.api.views.base import OfRecommender
from updates.api.views.samples import BATCH_ID, CONTENT, GIVEN_BATCH_ID, batch_id_of, rows_of
from updates.flows.own_log import ensure_owns_log
from updates.flows.take_feedback import take_feedback
from updates.flows.take_impressions import take_impressions
from updates.samples.errors import RowError
from updates.samples.forms import FEEDBACK, IMPRESSIONS
from updates.samples.parse import ParsedBatch
from updates.samples.schema import IMPRESSION

SHOWN_OTHERWISE = "was sent before with other content; an impression is shown once"


class Impressions(OfRecommender):
    takes_data = True
    parser_classes = [JSONSamples, NDJSONSamples, ArrowSamples]

    @extend_schema(
        request=CONTENT, responses={202: Taken}, parameters=[BATCH_ID, GIVEN_BATCH_ID, HEADER]
    )
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """Say what was shown, with its features as they were; on disk when answered."""
        ensure_owns_log(self.recommender)
        batch_id = batch_id_of(request)
        parsed = rows_of(request).read(self.recommender.sample_schema, IMPRESSIONS)
        tell(self.recommender, from_header(request), parsed.batch.num_rows, NAME)
        answer: dict[str, Any] = {"accepted": 0, "repeated": 0, "duplicate": False}
        refused: list[RowError] = []
        if parsed.batch.num_rows:
            taken = take_impressions(self.recommender, parsed.batch, batch_id=batch_id)
            answer |= {name: getattr(taken, name) for name in answer}
            refused = _shown_otherwise(parsed, taken.refused)
        answer["rejected"] = sorted([*parsed.errors, *refused], key=lambda error: error.row)
        return Response(Taken(answer).data, status=202, headers={"Batch-Id": batch_id})


class Feedback(OfRecommender):
    takes_data = True
    parser_classes = [JSONSamples, NDJSONSamples, ArrowSamples]

    @extend_schema(
        request=CONTENT, responses={202: Received}, parameters=[BATCH_ID, GIVEN_BATCH_ID]
    )
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """Say which impressions were clicked (label 1, the default) or not; on disk when answered.

        It may come before its impression, more than once, and in any order.
        """
        ensure_owns_log(self.recommender)
        batch_id = batch_id_of(request)
        parsed = rows_of(request).read(self.recommender.sample_schema, FEEDBACK)
        duplicate = False
        if parsed.batch.num_rows:
            duplicate = take_feedback(self.recommender, parsed.batch, batch_id=batch_id)
        answer = {"accepted": parsed.batch.num_rows, "rejected": parsed.errors}
        answer |= {"duplicate": duplicate}
        return Response(Received(answer).data, status=202, headers={"Batch-Id": batch_id})


class JoinerView(OfRecommender):
    @extend_schema(responses=JoinerAnswer)
    @refuses(503)
    def get(self, request: Request, slug: str) -> Response:
        """What has been joined and what waits, and how long labels take."""
        return Response(JoinerAnswer(joiners.report(self.recommender, timezone.now())).data)


def _shown_otherwise(parsed: ParsedBatch, refused: Sequence[int]) -> list[RowError]:
    """Errors of rows that were good in themselves, by their numbers in the request."""
    bad = [error.row for error in parsed.errors]
    good = np.setdiff1d(np.arange(parsed.batch.num_rows + len(bad)), bad)
    return [RowError(int(row), IMPRESSION, SHOWN_OTHERWISE) for row in good[list(refused)]]
