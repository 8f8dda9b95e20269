"""The Celery application: two queues and one beat."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recadmin.settings")

app = Celery("recadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_default_queue="control",
    task_routes={
        "updates.tasks.execute_run": {"queue": "runs"},
        "updates.tasks.prove_version": {"queue": "runs"},
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
app.conf.beat_schedule = {
    "tick": {"task": "updates.tasks.tick", "schedule": 1.0, "options": {"expires": 5}},
    "observe": {"task": "monitoring.tasks.observe", "schedule": 10.0, "options": {"expires": 10}},
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
}
app.autodiscover_tasks()
