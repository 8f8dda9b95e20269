"""Celery's entry points."""

import os
import socket

from celery import shared_task
from celery.worker import state as worker
from django.utils import timezone

from updates import scheduling
from updates.flows.canary_judge import judge
from updates.flows.erase import erase_due
from updates.flows.execute import execute
from updates.flows.explain import explain, explain_live
from updates.flows.follow_predictions import follow_predictions
from updates.flows.forget import forget_deleted
from updates.flows.join import join_due
from updates.flows.prove import prove
from updates.flows.prune import prune, sweep
from updates.flows.tell_targets import tell_targets
from updates.flows.what_if import answer
from updates.models import Recommender, ServingReport
from updates.samples.log import SampleLog


@shared_task
def execute_run(run_id: int) -> None:
    """Execute a queued run, then wake those that waited for its components."""
    if execute(run_id, f"{socket.gethostname()}:{os.getpid()}", _stopping):
        scheduling.wake_followers(run_id)


def _stopping() -> bool:
    return worker.should_stop is not None or worker.should_terminate is not None


@shared_task
def prove_version(proof_id: int) -> None:
    """See a queued proof through to its outcome."""
    prove(proof_id)


@shared_task
def explain_version(explanation_id: int) -> None:
    """Work out a queued explanation."""
    explain(explanation_id)


@shared_task
def explain_live_versions() -> None:
    """Ask for explanations of what is live."""
    explain_live()


@shared_task
def judge_canary(canary_id: int) -> None:
    """Look at a version on trial, and end the trial where it is time to."""
    judge(canary_id)


@shared_task
def answer_what_if(what_if_id: int) -> None:
    """See a queued what-if through to its outcome."""
    answer(what_if_id)


@shared_task
def tick() -> None:
    """One tick of the scheduler; impressions whose window has ended become samples."""
    scheduling.tick()
    join_due(Recommender.objects.filter(challenges=None))


@shared_task
def tell_servers() -> None:
    """Send deployment events to the servers that have an address."""
    tell_targets(timezone.now())


@shared_task
def follow_logged_predictions() -> None:
    """Have be live what predictions name, where others serve the model."""
    follow_predictions(timezone.now())


@shared_task
def archive_logs() -> None:
    """Close ranges of the sample logs and move them to Parquet; erase in it what is to be."""
    for recommender in Recommender.objects.filter(challenges=None):
        while SampleLog(recommender).archive(timezone.now()):
            pass
    erase_due()


@shared_task
def prune_artifacts() -> None:
    """Delete files of old versions, reports of processes that ended long ago, and what deleted
    recommenders left in Valkey."""
    for recommender in Recommender.objects.all():
        prune(recommender)
    now = timezone.now()
    ServingReport.objects.long_gone(now).delete()
    forget_deleted(now)


@shared_task
def sweep_artifacts() -> None:
    """Delete files that dead workers left."""
    sweep(timezone.now())
