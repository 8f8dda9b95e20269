"""The Celery application: two queues and one beat."""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import beat_init
from django.conf import settings
from kombu.transport import redis

from recadmin import pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recadmin.settings")

app = Celery("recadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_default_queue="control",
    task_routes={
        "updates.tasks.execute_run": {"queue": "runs"},
        "updates.tasks.prove_version": {"queue": "runs"},
        "updates.tasks.explain_version": {"queue": "runs"},
        "updates.tasks.answer_what_if": {"queue": "runs"},
    },
    # The database holds what is to be done; a message is only a nudge, so it is taken at once and
    # a lost one is sent again by the tick.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
)
# A channel that closes would put back what it has not acknowledged. Where it closes as Valkey is
# gone that fails and ends the worker, with the updates at work in it; a lost message comes again.
redis.Channel.do_restore = False
app.conf.beat_schedule = {
    "tick": {"task": "updates.tasks.tick", "schedule": 1.0, "options": {"expires": 5}},
    "tell-servers": {
        "task": "updates.tasks.tell_servers",
        "schedule": 2.0,
        "options": {"expires": 2},
    },
    "follow-predictions": {
        "task": "updates.tasks.follow_logged_predictions",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "observe": {"task": "monitoring.tasks.observe", "schedule": 10.0, "options": {"expires": 10}},
    "compare-challengers": {
        "task": "monitoring.tasks.compare_challengers",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "watch": {"task": "monitoring.tasks.watch", "schedule": 10.0, "options": {"expires": 10}},
    "tell": {"task": "monitoring.tasks.tell", "schedule": 5.0, "options": {"expires": 5}},
    "keep-series": {
        "task": "monitoring.tasks.keep_series",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "observe-devices": {
        "task": "monitoring.tasks.observe_devices",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "observe-drift": {
        "task": "monitoring.tasks.observe_drift",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "explain": {
        "task": "updates.tasks.explain_live_versions",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "observe-turnover": {
        "task": "monitoring.tasks.observe_turnover",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "archive": {
        "task": "updates.tasks.archive_logs",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "prune": {
        "task": "updates.tasks.prune_artifacts",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "sweep": {
        "task": "updates.tasks.sweep_artifacts",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
}
# Neighbours that the installation has (docs/neighbours.md).
if settings.FEAST_REPO is not None:
    app.conf.beat_schedule["look-at-feast"] = {
        "task": "neighbours.tasks.look_at_feast",
        "schedule": settings.FEAST_SECONDS,
        "options": {"expires": settings.FEAST_SECONDS},
    }
if settings.MLFLOW_TRACKING_URI:
    app.conf.beat_schedule["mirror-to-mlflow"] = {
        "task": "neighbours.tasks.mirror_to_mlflow",
        "schedule": 10.0,
        "options": {"expires": 10},
    }
if settings.OPENLINEAGE:
    app.conf.beat_schedule["tell-openlineage"] = {
        "task": "neighbours.tasks.tell_openlineage",
        "schedule": 10.0,
        "options": {"expires": 10},
    }
app.autodiscover_tasks()
pulse.install(app)


@beat_init.connect
def end_beat_at_once(**_: Any) -> None:
    """Leave SIGTERM and SIGINT to the kernel: there is nothing that beat must finish or save.

    Celery's own handler closes the connection to the broker and raises SystemExit wherever the
    signal meets it. In the middle of a send the client's cleaning up then fails on the closed
    connection, that failure takes the place of SystemExit, is logged as a message that could not
    be sent, and beat ticks on.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
