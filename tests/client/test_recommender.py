"""The client before the real application."""

from datetime import UTC, datetime, timedelta

import pytest

from recadmin_client import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotAuthenticated,
    NotFound,
    StillRunning,
)
from recadmin_client import retries as retry
from tests.conftest import FIRST_EVENT_TIME
from tests.updates.flows.conftest import learnable_rows
from updates.flows.execute import execute
from updates.models import UpdateRun
from updates.samples.log import SampleLog

ROW = {"user": "u1", "item": "i2", "device": "phone", "genres": ["g2"]}
ZONE = datetime(2026, 1, 1, tzinfo=UTC)
NO_ZONE = ZONE.replace(tzinfo=None)


@pytest.fixture
def news(client, live):
    """A recommender with 1,000 samples and a live version of them."""
    return client.recommender("news")


@pytest.fixture
def worker(monkeypatch):
    """Runs are executed while the client waits for them."""

    def work(seconds):
        for run in UpdateRun.objects.filter(state="queued"):
            execute(run.pk, "test")

    monkeypatch.setattr(retry, "wait", work)


def test_freshness_is_told_with_its_facts(news, live):
    fresh = news.freshness()
    assert fresh.state == "idle"
    assert fresh.live_version == live.number
    assert fresh.watermark == live.watermark
    assert fresh.backlog_samples == 0
    assert fresh.at.tzinfo is not None
    assert [part.name for part in fresh.components] == ["weights"]


def test_all_recommenders_are_listed_with_their_freshness(client, live, make_recommender):
    make_recommender("films")
    found = {one.slug: one for one in client.recommenders()}
    assert found.keys() == {"news", "films"}
    assert found["news"].freshness.state == "idle"
    assert found["films"].live_version is None


def test_rows_are_scored_by_the_live_version(news):
    scored = news.score([ROW, ROW | {"item": "i3"}])
    assert scored.version == 1
    assert len(scored.scores) == 2
    assert all(0 < score < 1 for score in scored.scores)


def test_scoring_tells_how_old_values_are(news):
    now = datetime.now(UTC)
    assert news.score([ROW], feature_times={"device": now - timedelta(hours=1)}).scores
    with pytest.raises(Invalid) as raised:
        news.score([ROW], feature_times={"device": now + timedelta(hours=1)})
    assert raised.value.errors == (
        FieldError("feature_times.device", "Must not be in the future."),
    )


def test_items_are_recommended_to_a_user(client, make_recommender, append, update):
    films = make_recommender("films", "factors", learner_options={"dim": 4})
    append(films, 500)
    update(films)
    best = client.recommender("films").recommend("u1", 3, repeats=True)
    assert len(best.items) == len(best.scores) == 3
    others = client.recommender("films").recommend("u1", 3, seen=best.items, repeats=True)
    assert not set(best.items) & set(others.items)


def test_an_update_is_waited_for(news, client, append, recommender, worker):
    append(recommender, 200)
    run = news.update(strategy="incremental", reason="new samples", wait=True)
    assert run.over
    assert run.reason == "new samples"
    assert run.result_version == 2
    assert run.outcome == run.metrics["verdict"]
    assert client.update_run(run.id) == run


def test_an_update_is_started_as_a_policy_says(news, recommender):
    recommender.policies.create(name="hourly", strategy="incremental", interval_seconds=3600)
    run = news.update(policy="hourly")
    assert (run.policy, run.state, run.over) == ("hourly", "queued", False)


def test_a_wait_may_end_before_the_update(news, waits):
    with pytest.raises(StillRunning, match="queued"):
        news.update(strategy="full", wait=0.0)


def test_a_second_update_is_refused_with_the_first(news, client):
    run = news.update(strategy="full")
    with pytest.raises(Conflict) as raised:
        news.update(strategy="full")
    assert raised.value.kind == "writer-busy"
    assert raised.value.more == {"run": f"/api/v1/updates/{run.id}"}
    assert client.cancel(run.id, "no longer needed").state == "cancelled"
    assert [(one.id, one.state) for one in client.update_runs(state="cancelled")] == [
        (run.id, "cancelled")
    ]


def test_runs_are_listed_over_pages_newest_first(client, news, update, recommender):
    update(recommender)
    numbers = [run.id for run in client.update_runs(recommender="news", page_size=1)]
    assert len(numbers) == 2
    assert numbers == sorted(numbers, reverse=True)


def test_a_version_is_made_live_again(news, recommender, append, update):
    append(recommender, 200)
    update(recommender)
    moved = news.rollback(1, "clicks fell", hold=True)
    assert (moved.version, moved.previous, moved.kind) == (1, 2, "rollback")
    assert (moved.reason, moved.moved_by) == ("clicks fell", "operator")
    assert news.freshness().live_version == 1


def test_samples_land_once_and_bad_rows_are_told(news, recommender):
    rows = learnable_rows(3, first=1_000)
    rows[1] = rows[1] | {"label": 7}
    first = news.log_samples(rows, batch_id="mine")
    assert (first.first_offset, first.last_offset, first.accepted) == (1_001, 1_002, 2)
    assert [(refused.row, refused.field) for refused in first.rejected] == [(1, "label")]
    again = news.log_samples(rows, batch_id="mine")
    assert again.duplicate
    assert again.last_offset == first.last_offset
    assert SampleLog(recommender).head().last_offset == 1_002


def test_samples_are_sent_with_the_times_of_their_features(news):
    now = datetime.now(UTC)
    sent = learnable_rows(1, first=1_000)
    assert news.log_samples(sent, feature_times={"device": now - timedelta(hours=1)}).accepted == 1
    with pytest.raises(Invalid) as raised:
        news.log_samples(sent, feature_times={"device": now + timedelta(hours=1)})
    assert [error.field for error in raised.value.errors] == ["Feature-Times.device"]


def test_arrow_tables_land_as_rows_do(news, make_batch):
    assert news.log_samples(make_batch(5)).accepted == 5


def test_impressions_and_feedback_are_joined(client, make_recommender):
    make_recommender("shown")
    shown = client.recommender("shown")
    at = FIRST_EVENT_TIME
    rows = [{"impression": f"x{n}", "event_time": at, **ROW} for n in range(2)]
    taken = shown.log_impressions(rows)
    assert (taken.accepted, taken.repeated, taken.rejected) == (2, 0, [])
    assert shown.log_impressions(rows).repeated == 2
    clicked = shown.log_feedback([{"impression": "x1", "event_time": at}, {"label": 1}])
    assert clicked.accepted == 1
    assert [refused.row for refused in clicked.rejected] == [1]


def test_a_measurement_comes_with_its_unit(news):
    series = news.metrics("age_seconds", points=10, start=datetime.now(UTC) - timedelta(hours=1))
    assert (series.name, series.unit) == ("age_seconds", "s")
    with pytest.raises(Invalid) as raised:
        news.metrics("nonsense")
    assert [error.field for error in raised.value.errors] == ["name"]


def test_what_does_not_exist_or_is_not_allowed_is_told(client, client_of, viewer, news):
    with pytest.raises(NotFound):
        client.recommender("nothing/at all").freshness()
    with pytest.raises(Forbidden):
        client_of(viewer).recommender("news").update(strategy="full")
    client._transport._token = "wrong"
    client._transport._connect()
    with pytest.raises(NotAuthenticated):
        news.freshness()


def test_a_logger_s_rows_are_in_the_log_once_whatever_answers_were_lost(client, news, tmp_path):
    logger = client.logger("news", tmp_path / "spool", batch_rows=100)
    send = logger._transport._http.send
    lost = []

    def send_and_lose_every_first_answer(request, **options):
        answer = send(request, **options)
        if request.headers["Batch-Id"] not in lost:
            lost.append(request.headers["Batch-Id"])
            answer.status_code = 502
        return answer

    logger._transport._http.send = send_and_lose_every_first_answer
    with logger:
        for row in learnable_rows(250, first=1_000):
            logger.log(row)
        logger.log({"label": "x"})
        while not logger.flush():
            pass
    assert len(lost) == 3
    counts = logger.counts()
    assert (counts.sent, counts.rejected) == (250, 1)
    assert news.freshness().last_offset == 1_250


@pytest.mark.parametrize(
    "call",
    [
        lambda news: news.report_version("nightly", NO_ZONE),
        lambda news: news.report_version("nightly", ZONE, trained_since=NO_ZONE),
        lambda news: news.metrics("age_seconds", start=NO_ZONE),
        lambda news: news.metrics("age_seconds", end=NO_ZONE),
        lambda news: news.log_samples([ROW], feature_times={"device": NO_ZONE}),
        lambda news: news.score([ROW], feature_times={"device": NO_ZONE}),
    ],
    ids=["watermark", "trained since", "start", "end", "sent with rows", "of scores"],
)
def test_a_time_without_a_zone_is_not_sent(scripted_client, server, call):
    with pytest.raises(TypeError, match="zone"):
        call(scripted_client.recommender("news"))
    assert server.requests == []
