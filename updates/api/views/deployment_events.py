"""Deployments as events for servers that are not ours, files of versions, and what came of it."""

from django.http import FileResponse, Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.problems import Problem
from updates.api.run_tokens import OwnRunOrRole, RunTokenAuthentication
from updates.api.schema import refuses
from updates.api.serializers.targets import (
    AcknowledgeRequest,
    Events,
    EventsQuery,
    TargetSerializer,
)
from updates.api.target_tokens import ForServers, OwnTargetOrRole
from updates.api.views.base import body, query
from updates.flows.acknowledge import acknowledge
from updates.flows.deployment_events import (
    event,
    files_of,
    newest_event,
    wait_for_events,
)
from updates.models import Deployment, ModelVersion, ServingTarget
from updates.store import artifacts

BYTES = "application/octet-stream"


class EventList(ForServers):
    @extend_schema(parameters=[EventsQuery], responses=Events)
    def get(self, request: Request, slug: str) -> Response:
        """What became live after an event, in order: ask with the last `id` that you know, and you
        miss nothing however long you were away."""
        asked = query(request, EventsQuery)
        found, again = newest_event(self.recommender), 0
        if "after" in asked:
            found, again = wait_for_events(self.recommender, asked["after"], asked["wait_seconds"])
        return Response({"events": list(map(event, found)), "ask_again_seconds": again})


class AcknowledgeEvent(ForServers):
    @extend_schema(request=AcknowledgeRequest, responses=TargetSerializer)
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """Say that a server serves the event's version now, or could not swap to it. Its latest
        word counts; said again it changes nothing."""
        known = Deployment.objects.select_related("recommender", "version")
        deployment = get_object_or_404(known, recommender=self.recommender, pk=pk)
        said = body(self, AcknowledgeRequest)
        self.speaks_for(said["target"])
        target = acknowledge(deployment, **said, now=timezone.now())
        shown = ServingTarget.objects.with_lag().select_related("swapped__version")
        return Response(TargetSerializer(shown.get(pk=target.pk)).data)


class OwnRunOrServer(OwnRunOrRole):
    """As a run's token, a server's or a role allows."""

    others = OwnTargetOrRole


class ArtifactFile(ForServers):
    authentication_classes = [RunTokenAuthentication, *ForServers.authentication_classes]
    permission_classes = [OwnRunOrServer]

    @extend_schema(responses={(200, BYTES): {"contentMediaType": BYTES}})
    @refuses(409)
    def get(self, request: Request, slug: str, number: int, file: str) -> FileResponse:
        """A file of a version, by its name in the manifest; `ETag` is its SHA-256."""
        version = get_object_or_404(self.recommender.versions, number=number)
        files = files_of(version.digest) or {}
        if file not in files:
            raise Http404
        return _sent(version, file, files[file]["sha256"])


def _sent(version: ModelVersion, file: str, sha256: str) -> FileResponse:
    try:
        opened = (artifacts().folder(version.digest) / file).open("rb")
    except FileNotFoundError:
        detail = f"The files of version {version.number} are no longer kept."
        raise Problem(409, detail, "wrong-state") from None
    response = FileResponse(opened, content_type=BYTES)
    response["ETag"] = f'"{sha256}"'
    response["Cache-Control"] = "private, immutable, max-age=31536000"
    return response
