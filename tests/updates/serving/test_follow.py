"""Serving goes on with what an online session learns: in order, whole, healed where it missed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import (
    hurry,
    learned_at_once,
    make_policy,
    see_through,
    sent_through,
)
from updates.flows.execute import execute
from updates.flows.online import position
from updates.flows.roll_back import roll_back
from updates.models import Checkpoint, ServingReport, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.serving import following
from updates.serving.deltas import DeltaStream, Sent
from updates.serving.follow import Follower
from updates.serving.scorer import PROCESS, Scorer
from updates.signals import synced
from updates.store import artifacts

ROWS = [
    {name: row[name] for name in ("user", "item", "device", "genres")}
    for row in learnable_rows(20, 5000)
]


@pytest.fixture(autouse=True)
def _tried_again_at_once(monkeypatch):
    """What failed is not waited for."""
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.0)


@pytest.fixture
def scorer(policy):
    """A process that serves the recommender."""
    scorer = Scorer()
    scorer.score(policy.recommender, ROWS)
    return scorer


@pytest.fixture
def follower(scorer, monkeypatch):
    follower = Follower(scorer)
    monkeypatch.setattr("updates.serving.follow.CHECK_SECONDS", 0.0)
    return follower


@pytest.fixture
def policy(live):
    return make_policy(live.recommender)


@pytest.fixture
def learn(policy, append, valkey):
    """``learn(count)``: so many more samples arrive, are learned and sent to serving."""

    def until_all_is_sent(count):
        recommender = policy.recommender
        append(recommender, count)
        last = SampleLog(recommender).head().last_offset
        for run in UpdateRun.objects.filter(state="queued"):
            run.move("cancelled", why="the test begins another")
        see_through(policy, lambda: sent_through(valkey, recommender) >= last)

    return until_all_is_sent


def expected(recommender, offset, make_batch):
    rows = make_batch(learnable_rows(20, 5000))
    return learned_at_once(recommender, offset).predict(rows).tolist()


def stream(policy, valkey):
    epoch = position.epoch_of(policy.recommender)
    return DeltaStream(valkey, policy.recommender.stream_key, epoch)


def test_what_is_learned_is_served_to_the_bit_with_its_offset_and_age(
    policy, scorer, follower, learn, make_batch
):
    learn(300)
    follower.step()
    scored = scorer.score(policy.recommender, ROWS)
    assert scored.scores == expected(policy.recommender, 1300, make_batch)
    assert (scored.version, scored.offset) == (1, 1300)
    [newest] = SampleLog(policy.recommender).read(1300, 1301)
    event_time = newest.column("event_time")[0].as_py()
    age = (timezone.now() - event_time).total_seconds()
    assert scored.age_seconds == pytest.approx(age, abs=2)


def test_a_process_that_starts_late_catches_up_from_the_checkpoint_and_what_followed(
    policy, learn, make_batch, valkey
):
    learn(300)
    stream(policy, valkey).trim(Checkpoint.objects.get().next_offset - 1)
    learn(200)
    late = Scorer()
    late.score(policy.recommender, ROWS)
    Follower(late).step()
    scored = late.score(policy.recommender, ROWS)
    assert scored.offset == 1500
    assert scored.scores == expected(policy.recommender, 1500, make_batch)


def test_missing_deltas_are_noticed_and_made_good(
    policy, scorer, follower, learn, make_batch, valkey
):
    learn(300)
    stream(policy, valkey).trim(1300)
    learn(100)
    follower.step()
    scored = scorer.score(policy.recommender, ROWS)
    assert scored.offset == 1400
    assert scored.scores == expected(policy.recommender, 1400, make_batch)
    scorer.report_progress()
    report = ServingReport.objects.get(process=PROCESS)
    assert (report.offset, report.gaps_healed, report.error) == (1400, 1, "")


def test_deltas_that_were_lost_are_noticed_though_nothing_follows(
    policy, scorer, follower, learn, make_batch, valkey
):
    learn(300)
    valkey.delete(stream(policy, valkey).key)
    follower.step(wait_ms=1)
    assert scorer.score(policy.recommender, ROWS).offset == 1300


def test_while_a_gap_cannot_be_healed_the_weights_go_on_serving_and_it_is_said(
    policy, scorer, follower, learn, valkey
):
    before = scorer.score(policy.recommender, ROWS)
    learn(300)
    stream(policy, valkey).trim(1300)
    Checkpoint.objects.all().delete()
    follower.step(wait_ms=1)
    scored = scorer.score(policy.recommender, ROWS)
    assert (scored.scores, scored.offset) == (before.scores, before.offset)
    scorer.report_progress()
    report = ServingReport.objects.get(process=PROCESS)
    assert report.error == (
        "Updates after offset 1000 are missing, and no checkpoint has them yet."
    )
    assert report.synced_at is None


def test_a_damaged_checkpoint_is_refused_and_said(policy, scorer, follower, learn, valkey):
    learn(300)
    stream(policy, valkey).trim(1300)
    folder = artifacts().folder(Checkpoint.objects.get().digest)
    for path in folder.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    follower.step(wait_ms=1)
    assert scorer.score(policy.recommender, ROWS).offset == 1000
    scorer.report_progress()
    assert "the checkpoint is refused" in ServingReport.objects.get(process=PROCESS).error


def test_a_delta_that_cannot_be_read_is_passed_over_by_the_checkpoint(
    policy, scorer, follower, learn, make_batch, valkey
):
    learn(300)
    line = stream(policy, valkey)
    [good] = line.read(1000)[-1:]
    valkey.delete(line.key)
    broken = Sent(**{**good.__dict__, "payload": b"not a delta", "since": 1000})
    fields = {"sequence": 1, "since": 1000, "watermark": broken.watermark_ms}
    valkey.xadd(line.key, {**fields, "arrivals": "[]", "delta": broken.payload}, id="1300-0")
    follower.step()
    scored = scorer.score(policy.recommender, ROWS)
    assert scored.offset == 1300
    assert scored.scores == expected(policy.recommender, 1300, make_batch)


def test_a_roll_back_is_served_without_what_was_learned_online(
    policy, scorer, follower, learn, append, update
):
    first = policy.recommender.live_version
    append(policy.recommender, 200)
    update(policy.recommender, "incremental")
    scorer.look()
    learn(100)
    follower.step()
    assert scorer.score(policy.recommender, ROWS).offset == 1300
    policy.recommender.refresh_from_db()
    roll_back(policy.recommender, to=first, reason="a test")
    scorer.look()
    follower.step(wait_ms=1)
    scored = scorer.score(policy.recommender, ROWS)
    assert (scored.version, scored.offset) == (1, 1000)


def test_a_version_of_the_same_line_changes_the_number_and_nothing_else(
    policy, scorer, follower, learn, append, monkeypatch
):
    learn(300)
    follower.step()
    before = scorer.score(policy.recommender, ROWS)
    weights = scorer.served()[0].weights
    hurry(monkeypatch)
    UpdatePolicy.objects.update(version_every_minutes=0.05)
    run = UpdateRun.objects.get(state="queued")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "promoted", run.error
    scorer.look()
    scored = scorer.score(policy.recommender, ROWS)
    assert (scored.version, scored.scores) == (2, before.scores)
    assert scorer.served()[0].weights is weights


def test_lags_of_what_was_served_in_time_are_announced(policy, scorer, follower, learn):
    follower.step(wait_ms=1)
    told = []

    def hear(recommender, lags_ms, counts, **kwargs):
        told.append((recommender, lags_ms.tolist(), counts.tolist()))

    synced.connect(hear)
    learn(300)
    follower.step()
    scorer.report_progress()
    scorer.report_progress()
    [(recommender, lags, counts)] = told
    assert recommender == policy.recommender
    assert sum(counts) == 300
    assert 0 <= min(lags) <= max(lags) < 60_000


def test_what_is_found_at_the_start_counts_as_no_lag(policy, scorer, follower, learn):
    told = []

    def hear(**kwargs):
        told.append(kwargs)

    synced.connect(hear)
    learn(300)
    follower.step()
    scorer.report_progress()
    assert not told


def test_a_report_says_since_when_it_has_everything(policy, scorer, follower, learn):
    learn(100)
    before = timezone.now()
    follower.step()
    scorer.report_progress()
    report = ServingReport.objects.get(process=PROCESS)
    assert before <= report.synced_at <= report.reported_at
    assert report.reported_at - report.synced_at < timedelta(seconds=5)
    assert report.sequence >= 1


def test_once_it_has_everything_it_is_in_no_trouble(policy, scorer, follower, learn, valkey):
    learn(300)
    stream(policy, valkey).trim(1300)
    state = scorer.following[policy.recommender_id]
    state.is_stuck("Updates after offset 1000 are missing, and no checkpoint has them yet.")
    follower.step(wait_ms=1)
    assert (state.trouble, scorer.score(policy.recommender, ROWS).offset) == ("", 1300)


def test_a_process_that_never_had_everything_says_since_when_it_tries(policy, learn, valkey):
    learn(300)
    stream(policy, valkey).trim(1300)
    folder = artifacts().folder(Checkpoint.objects.get().digest)
    for path in folder.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    late = Scorer()
    before = timezone.now()
    assert late.score(policy.recommender, ROWS).offset == 1000
    Follower(late).step(wait_ms=1)
    late.report_progress()
    report = ServingReport.objects.get(process=PROCESS)
    assert report.synced_at is None
    assert before <= report.behind_since <= timezone.now()
    assert "the checkpoint is refused" in report.error
