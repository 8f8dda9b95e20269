"""Each slice is judged on its own samples, by a window of its own."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring import series
from monitoring.models import FirstMet, LiveScoring, SliceWindow
from monitoring.quality import values_met
from monitoring.tasks import observe, observe_drift
from tests.updates.api.conftest import Caller
from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import hurry, make_policy, see_through
from updates.flows.append_samples import append_samples
from updates.metrics import quality
from updates.samples.log import SampleLog
from updates.serving import scorer

NEWS = {"name": "new-items", "new": "item", "days": 7}
PHONES = {"name": "phones", "feature": "device", "in": ["phone"]}
WATCHES = {"name": "watches", "feature": "device", "in": ["watch"]}


@pytest.fixture
def sliced(live):
    """``sliced(*slices)``: the recommender with these slices, its log looked at."""

    def slice_it(*slices):
        live.recommender.slices = list(slices)
        live.recommender.save(update_fields=["slices"])
        observe_drift()
        return live.recommender

    return slice_it


@pytest.fixture
def arrive(make_batch):
    """``arrive(recommender, count, **changed)``: the next rows, changed."""

    def append_rows(recommender, count, **changed):
        first = SampleLog(recommender).head().last_offset
        rows = [row | changed for row in learnable_rows(count, first)]
        append_samples(recommender, make_batch(rows), batch_id=f"from-{first}")

    return append_rows


def recorded(recommender, name, part):
    now = timezone.now()
    points = series.read(recommender, name, now - timedelta(minutes=5), now, part=part)
    return [value for _, value in points]


def test_a_slice_is_judged_on_its_samples_alone(live, sliced, arrive):
    recommender = sliced(PHONES, WATCHES)
    arrive(recommender, 100)
    arrive(recommender, 60, device="watch")
    observe()
    batch = next(SampleLog(recommender).read(1_101, 1_161))
    expected = quality(batch.column("label").to_numpy().astype(float), scorer.predict(live, batch))
    assert recorded(recommender, "ne", "watches") == [pytest.approx(expected.ne)]
    assert recorded(recommender, "calibration", "watches") == [pytest.approx(expected.calibration)]
    assert len(recorded(recommender, "ne", "phones")) == len(recorded(recommender, "ne", "")) == 1


def test_the_window_of_a_slice_waits_for_enough_samples(sliced, arrive):
    recommender = sliced(WATCHES)
    arrive(recommender, 30, device="watch")
    observe()
    assert recorded(recommender, "ne", "watches") == []
    assert len(SliceWindow.objects.get().window) == 30
    arrive(recommender, 30, device="watch")
    observe()
    assert len(recorded(recommender, "ne", "watches")) == 1


def test_new_items_are_those_first_met_less_than_so_long_ago(sliced, arrive):
    recommender = sliced(NEWS)
    arrive(recommender, 60)
    arrive(recommender, 55, item="fresh")
    observe()
    # Rows are a second apart: the items learned from are new as well until days have passed.
    assert len(recorded(recommender, "ne", "new-items")) == 1
    later = learnable_rows(1)[0]["event_time"] + timedelta(days=8)
    SliceWindow.objects.all().delete()
    observe_drift()
    arrive(recommender, 40, event_time=later)
    arrive(recommender, 40, event_time=later, item="fresher")
    observe()
    assert len(SliceWindow.objects.get().window) == 40


def test_while_the_log_is_looked_at_nothing_counts_as_new(sliced, arrive, monkeypatch):
    monkeypatch.setattr(values_met, "MOST_ROWS", 600)
    recommender = sliced(NEWS)
    assert FirstMet.objects.get().next_offset == 601
    arrive(recommender, 60)
    observe()
    assert not SliceWindow.objects.exists()
    observe_drift()
    assert FirstMet.objects.get().caught_up


def test_values_that_no_slice_asks_for_are_forgotten(sliced):
    sliced(NEWS)
    sliced(PHONES)
    assert not FirstMet.objects.exists()


def test_what_is_learned_online_counts_for_slices_once(sliced, arrive, monkeypatch):
    hurry(monkeypatch)
    recommender = sliced(PHONES)
    policy = make_policy(recommender, checkpoint_seconds=10)
    arrive(recommender, 300)
    steps = iter([False, False, True])
    see_through(policy, lambda: next(steps, True))
    assert LiveScoring.objects.get().next_offset == 1_301
    assert len(recorded(recommender, "ne", "phones")) == 1
    [minute] = recommender.loss_cells.all()
    assert minute.samples == 300


def test_the_api_answers_a_slice_by_its_name_and_refuses_another(viewer, sliced, arrive):
    recommender = sliced(WATCHES)
    arrive(recommender, 60, device="watch")
    observe()
    api = Caller(viewer)
    asked = f"recommenders/{recommender.slug}/metrics?name=ne&label="
    assert len(api.get(f"{asked}watches").json()["points"]) == 1
    refused = api.get(f"{asked}phones")
    assert refused.status_code == 400
    assert "Must name a slice: watches." in refused.content.decode()


def test_the_page_draws_slices_together(as_viewer, sliced):
    recommender = sliced(PHONES, WATCHES)
    page = as_viewer.get(f"/recommenders/{recommender.slug}/").content.decode()
    for name in ("phones", "watches"):
        assert f'data-metric="ne" data-of="{name}"' in page
    assert "Calibration by slice" in page
