"""The processes that work behind the pages, and the queues that they take messages from."""

from __future__ import annotations

import logging
import shutil

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.views.access import needs, page
from monitoring.workers import active_runs, queue_rows, worker_rows
from recadmin.checks import run_checks
from recadmin.roles import VIEWER
from recadmin.valkey_status import valkey_status

logger = logging.getLogger(__name__)


@require_safe
@needs(VIEWER)
def workers(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx only what changes."""
    now = timezone.now()
    context = {
        "amiss": [finding for finding in run_checks().values() if finding.ok is False],
        "disk": shutil.disk_usage(settings.RECADMIN_DATA),
        "floor": settings.DISK_FLOOR_BYTES,
    }
    try:
        status = valkey_status(now)
    except redis.RedisError as error:
        logger.warning("workers: %s", error)
        context["others"] = active_runs()
    else:
        rows, others = worker_rows(status, active_runs(), now)
        context |= {
            "status": status,
            "beat": status.beat and status.beat.state(now),
            "rows": rows,
            "others": others,
            "queues": queue_rows(status, now),
        }
    template = "monitoring/_workers.html" if request.htmx else "monitoring/workers.html"
    return page(request, template, context)
