"""/metrics, for Prometheus."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from monitoring.prometheus.exposition import Exposition
from recadmin.roles import VIEWER, has_role
from updates.api.tokens import TokenAuthentication

exposition = Exposition()


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """All that is measured now, for a scraper with METRICS_TOKEN or for a viewer."""
    if not _is_scraper(request) and not _is_viewer(request):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token, or be logged in as a viewer "
            "(docs/monitoring-prometheus.md).\n",
            content_type="text/plain; charset=utf-8",
            status=401,
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(exposition), content_type=content_type)


def _is_scraper(request: HttpRequest) -> bool:
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    given = get_authorization_header(request)
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(given, wanted)


def _is_viewer(request: HttpRequest) -> bool:
    """By session, or by a token of the API's."""
    if has_role(request.user, VIEWER):
        return True
    try:
        found = TokenAuthentication().authenticate(request)
    except AuthenticationFailed:
        return False
    return found is not None and has_role(found[0], VIEWER)
