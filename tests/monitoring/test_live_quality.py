"""The live version is judged on samples that it has not learned, once each."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from monitoring import live_quality, series
from monitoring.live_quality import judge
from monitoring.models import LiveScoring
from tests.updates.flows.conftest import learnable_rows
from updates.flows.append_samples import append_samples
from updates.metrics import quality
from updates.samples.log import SampleLog
from updates.serving import scorer


def look(live):
    live.recommender.refresh_from_db()
    last = SampleLog(live.recommender).head().last_offset
    return judge(live.recommender, last, timezone.now())


def test_arriving_samples_are_judged_as_the_live_version_predicts_them(live, append):
    append(live.recommender, 200)
    measured = look(live)
    batch = next(SampleLog(live.recommender).read(live.next_offset, live.next_offset + 200))
    labels = batch.column("label").to_numpy().astype(float)
    expected = quality(labels, scorer.predict(live, batch))
    assert measured.samples == 200
    assert measured.ne == pytest.approx(expected.ne)
    assert measured.calibration == pytest.approx(expected.calibration)


def test_what_is_measured_is_recorded(live, append):
    append(live.recommender, 200)
    measured = look(live)
    now = timezone.now()
    for name in ("ne", "log_loss", "auc", "calibration"):
        points = series.read(live.recommender, name, now - timedelta(minutes=1), now)
        assert [value for _, value in points] == [pytest.approx(getattr(measured, name))]


def test_no_sample_is_judged_twice(live, append):
    append(live.recommender, 200)
    assert look(live)
    assert look(live) is None
    append(live.recommender, 100)
    assert look(live).samples == 100


def test_a_small_window_waits_for_more_and_counts_what_it_has(live, append):
    append(live.recommender, 30)
    assert look(live) is None
    append(live.recommender, 30)
    assert look(live).samples == 60


def test_samples_learned_before_they_were_looked_at_are_left_out(live, append, update):
    look(live)
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    append(live.recommender, 80)
    assert look(live).samples == 80


def test_of_a_flood_the_newest_are_judged(live, append, monkeypatch):
    monkeypatch.setattr(live_quality, "MOST_SAMPLES", 100)
    append(live.recommender, 400)
    assert look(live).samples == 100


def test_when_another_process_was_first_nothing_is_recorded(live, append, monkeypatch):
    append(live.recommender, 200)

    def overtaken(version, batch):
        LiveScoring.objects.update(next_offset=live.next_offset + 200)
        return np.full(batch.num_rows, 0.5)

    monkeypatch.setattr(scorer, "predict", overtaken)
    assert look(live) is None
    now = timezone.now()
    assert series.read(live.recommender, "ne", now - timedelta(hours=1), now) == []


def test_with_nothing_live_there_is_nothing_to_judge(recommender):
    assert judge(recommender, 1000, timezone.now()) is None


def test_a_log_loss_that_rises_raises_an_alarm(live, make_batch):
    def arrive(first, *, turned):
        rows = learnable_rows(1_000, first)
        for row in rows:
            row["label"] = 1 - row["label"] if turned else row["label"]
        append_samples(
            live.recommender, make_batch(rows), batch_id=f"from-{first}", arrived_at=timezone.now()
        )
        look(live)

    arrive(1_000, turned=False)
    assert not live.recommender.drift_alarms.exists()
    arrive(2_000, turned=True)
    assert live.recommender.drift_alarms.get().firing_since is not None
