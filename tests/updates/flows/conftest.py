"""A recommender whose samples can be learned: each item has its own click probability."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from updates.flows.append_samples import append_samples
from updates.flows.execute import execute
from updates.flows.import_samples import import_samples
from updates.flows.trigger import trigger
from updates.models import UpdateRun
from updates.samples.log import SampleLog
from updates.samples.sources.ml_100k import ML_100K, MovieLens100K

FIRST_EVENT_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def learnable_rows(count, first=0):
    """Rows ``first`` to ``first + count`` of one endless stream, one second apart."""
    random = np.random.default_rng(7)
    rates = random.uniform(0.05, 0.95, 20)
    items = random.integers(0, 20, first + count)
    labels = random.uniform(size=first + count) < rates[items]
    return [
        {
            "label": int(labels[i]),
            "event_time": FIRST_EVENT_TIME + timedelta(seconds=i),
            "user": f"u{i % 50}",
            "item": f"i{items[i]}",
            "device": "phone",
            "genres": [f"g{items[i] % 3}"],
        }
        for i in range(first, first + count)
    ]


@pytest.fixture
def append(valkey, make_batch):
    """``append(recommender, count)``: the next so many rows of the endless stream."""

    def append_next(recommender, count):
        first = SampleLog(recommender).head().last_offset
        batch = make_batch(learnable_rows(count, first))
        return append_samples(recommender, batch, batch_id=f"rows-{first}")

    return append_next


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    """With 1,000 samples and no version yet."""
    recommender = make_recommender(schema=_schema(), learner_options={"alpha": 0.5})
    append(recommender, 1000)
    return recommender


def _schema():
    from tests.conftest import SCHEMA

    return SCHEMA


@pytest.fixture
def update(valkey):
    """``update(recommender, strategy or policy)``: trigger and execute; returns the run."""

    def run_now(recommender, what="full", **kwargs):
        recommender.refresh_from_db()
        named = {"strategy": what} if isinstance(what, str) else {"policy": what}
        run = trigger(recommender, **named, **kwargs)
        execute(run.pk, "test")
        return UpdateRun.objects.select_related("result_version").get(pk=run.pk)

    return run_now


@pytest.fixture
def live(recommender, update):
    """The first version of ``recommender``, live."""
    run = update(recommender)
    recommender.refresh_from_db()
    assert recommender.live_version == run.result_version, run.error
    return recommender.live_version


@pytest.fixture
def trees(transactional_db, make_recommender, append, update):
    """gbdt_lr, with 1,000 samples and a live version of them."""
    recommender = make_recommender(
        "trees", "gbdt_lr", learner_options={"num_trees": 5, "num_threads": 1}
    )
    append(recommender, 1000)
    update(recommender)
    return recommender


@pytest.fixture
def in_thread():
    """``in_thread(run)``: a worker of its own executes it; at the end all have ended."""
    stop, threads = threading.Event(), []

    def begin(run):
        def work():
            execute(run.pk, "test", stop.is_set)
            connection.close()

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return threads[-1]

    yield begin
    stop.set()
    for thread in threads:
        thread.join(20)


@pytest.fixture
def rated_films(transactional_db, valkey, make_recommender):
    """``rated_films(learner, options)``: a recommender with 3,000 ratings of ML-100k, and
    what brings the next 1,500."""
    source = MovieLens100K(batch_rows=1_500)

    def make(learner, options):
        recommender = make_recommender("films", learner, ML_100K, learner_options=options)
        list(import_samples(recommender, source, stop=3_000))
        return recommender, lambda: list(
            import_samples(recommender, source, start=3_000, stop=4_500)
        )

    return make
