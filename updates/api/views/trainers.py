"""For trainers of external models: work, samples, reports, models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import OPERATOR
from updates.api.idempotency import idempotent
from updates.api.parsers import ARROW_STREAM
from updates.api.problems import Problem
from updates.api.run_tokens import AUTHENTICATION, OwnRunOrRole
from updates.api.schema import refuses
from updates.api.serializers.runs import RunDetailSerializer
from updates.api.serializers.trainers import (
    SHA256,
    ClaimSerializer,
    FailSerializer,
    HeardSerializer,
    ProgressSerializer,
    PublishSerializer,
    SamplesQuery,
    Told,
    Uploaded,
    UploadQuery,
    report_of,
)
from updates.api.views.base import OfRecommender, body, query
from updates.api.views.updates import RUNS
from updates.flows.external.begin import claim
from updates.flows.external.publish import publish
from updates.flows.external.reports import AttemptOver, fail, hear
from updates.flows.external.samples import page
from updates.flows.external.told import told
from updates.flows.external.upload import TooLarge, upload
from updates.models import Assignment, UpdateRun

OCTETS = "application/octet-stream"
CHUNK_BYTES = 1 << 20
CHECKSUM = OpenApiParameter(
    "Content-SHA256",
    {"type": "string", "pattern": SHA256},
    OpenApiParameter.HEADER,
    required=True,
    description="Of the body, in hex.",
)
NEXT = OpenApiParameter(
    "Next-Offset", int, OpenApiParameter.HEADER, response=[200], description="Where there is more."
)


def bytes_of(media_type: str) -> dict[str, str]:
    """As OpenAPI 3.1 describes bytes that are no text."""
    return {"contentMediaType": media_type}


class Octets(BaseRenderer):
    """Bytes as they are; problems stay JSON."""

    media_type = OCTETS
    format = "bin"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


class ArrowStream(Octets):
    """An Arrow IPC stream."""

    media_type = ARROW_STREAM
    format = "arrow"


class ForTrainers(GenericAPIView):
    """A view below ``updates/{id}`` for those who train the run's model."""

    takes_data = True
    authentication_classes = AUTHENTICATION
    permission_classes = [OwnRunOrRole]
    read_role = OPERATOR

    @cached_property
    def run(self) -> UpdateRun:
        """The run of the address; raises Http404, and Problem where recadmin itself trains it."""
        run: UpdateRun = get_object_or_404(
            RUNS.select_related("recommender__live_version"), pk=self.kwargs["pk"]
        )
        if run.recommender.trained_here:
            raise Problem(409, f"recadmin itself executes {run}.", "trained-here")
        return run


class ClaimUpdate(OfRecommender):
    @extend_schema(request=ClaimSerializer, responses=Told)
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Take the oldest queued run that fits, or a new one, to train it elsewhere."""
        recommender = self.recommender
        asked = body(self, ClaimSerializer)
        return Response(Told(told(claim(recommender, by=request.user, **asked))).data)


class RunSamples(ForTrainers):
    renderer_classes = [ArrowStream]

    @extend_schema(
        parameters=[SamplesQuery, NEXT], responses={(200, ARROW_STREAM): bytes_of(ARROW_STREAM)}
    )
    @refuses(409, 503)
    def get(self, request: Request, pk: int) -> Response:
        """The run's samples with their offsets, as an Arrow IPC stream."""
        run, asked = self.run, query(request, SamplesQuery)
        assignment = Assignment.of(run)
        if assignment is None:
            raise AttemptOver(run, run.attempt)
        first = asked.get("first_offset", assignment.first_offset)
        stop = asked.get("next_offset", assignment.holdout_next_offset)
        content, following = page(run.recommender, first, stop, asked["limit"])
        return Response(content, headers={"Next-Offset": following} if following else {})


class ReportProgress(ForTrainers):
    @extend_schema(request=ProgressSerializer, responses=HeardSerializer)
    @refuses(409)
    def post(self, request: Request, pk: int) -> Response:
        """Say how far it is, at least every ``lease_seconds``; learn whether to go on."""
        run = self.run
        return Response(HeardSerializer(hear(run, **body(self, ProgressSerializer))).data)


class UploadArtifact(ForTrainers):
    @extend_schema(
        request={OCTETS: OpenApiTypes.BINARY},
        parameters=[UploadQuery, CHECKSUM],
        responses={201: Uploaded},
    )
    @refuses(409, 413, 422)
    def put(self, request: Request, pk: int) -> Response:
        """Send the model: to disk as it comes, kept only if it is what its checksum says."""
        run, asked = self.run, query(request, UploadQuery)
        sha256 = request.headers.get("Content-SHA256", "")
        if not re.match(SHA256, sha256):
            raise ValidationError({"Content-SHA256": "Must be 64 hexadecimal digits, lower case."})
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.EXTERNAL_ARTIFACT_BYTES:
            raise TooLarge
        size = upload(run, asked["attempt"], _chunks(request), sha256=sha256, name=asked["name"])
        return Response(Uploaded({"sha256": sha256, "bytes": size}).data, status=201)


def _chunks(request: Request) -> Iterator[bytes]:
    """The body in pieces, never whole in memory."""
    return iter(partial(request._request.read, CHUNK_BYTES), b"")


class PublishUpdate(ForTrainers):
    @extend_schema(request=PublishSerializer, responses=RunDetailSerializer)
    @refuses(409, 503)
    def post(self, request: Request, pk: int) -> Response:
        """The model is ready: it is judged, and promoted or rejected."""
        run, sent = self.run, body(self, PublishSerializer)
        publish(run, sent["attempt"], report_of(sent))
        return Response(RunDetailSerializer(RUNS.get(pk=run.pk)).data)


class FailUpdate(ForTrainers):
    @extend_schema(request=FailSerializer, responses=RunDetailSerializer)
    @refuses(409)
    def post(self, request: Request, pk: int) -> Response:
        """There will be no model."""
        run = self.run
        fail(run, **body(self, FailSerializer))
        return Response(RunDetailSerializer(RUNS.get(pk=run.pk)).data)
