"""Scoring: the live version, swapped whole, its age on every answer."""

import threading
from datetime import timedelta

import pytest
import time_machine

from updates.flows.roll_back import roll_back
from updates.models import Deployment, ServingReport
from updates.samples.parse import ParseError
from updates.serving.scorer import NoLiveVersion, Scorer
from updates.store import artifacts

ROWS = [{"item": "i3", "user": "u1"}, {"item": "i7", "genres": ["g1"]}]


@pytest.fixture
def scorer():
    return Scorer()


@pytest.fixture
def second(recommender, live, append, update):
    append(recommender, 500)
    return update(recommender, "incremental").result_version


def damage(version):
    folder = artifacts().folder(version.digest)
    for path in folder.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_scores_say_their_version_and_age(recommender, live, scorer):
    with time_machine.travel(live.watermark + timedelta(seconds=90), tick=False):
        scored = scorer.score(recommender, ROWS)
    assert len(scored.scores) == 2
    assert all(0 < score < 1 for score in scored.scores)
    assert (scored.version, scored.offset, scored.age_seconds) == (1, 1000, 90.0)


def test_without_a_live_version_there_is_a_clear_error(recommender, scorer):
    with pytest.raises(NoLiveVersion):
        scorer.score(recommender, ROWS)


def test_a_bad_row_is_named(recommender, live, scorer):
    with pytest.raises(ParseError, match="row 1"):
        scorer.score(recommender, [ROWS[0], {"item": 3.5}])


def test_a_promotion_is_served_at_the_next_look(recommender, live, scorer, append, update):
    before = scorer.score(recommender, ROWS)
    append(recommender, 500)
    update(recommender, "incremental")
    assert scorer.score(recommender, ROWS).scores == before.scores
    scorer.look()
    assert scorer.score(recommender, ROWS).version == 2


def test_a_roll_back_is_served_at_the_next_look(recommender, live, second, scorer):
    assert scorer.score(recommender, ROWS).version == 2
    roll_back(recommender, to=live, reason="worse")
    scorer.look()
    assert scorer.score(recommender, ROWS).version == 1


def test_a_damaged_version_is_refused_and_the_previous_one_goes_on(
    recommender, live, scorer, append, update
):
    scorer.score(recommender, ROWS)
    append(recommender, 500)
    damage(update(recommender, "incremental").result_version)
    scorer.look()
    assert scorer.score(recommender, ROWS).version == 1
    report = ServingReport.objects.get()
    assert (report.wanted.number, report.served.number) == (2, 1)
    assert "checksum mismatch" in report.error


def test_a_starting_process_falls_back_from_a_damaged_version(recommender, second, scorer):
    damage(second)
    assert scorer.score(recommender, ROWS).version == 1


def test_a_mended_version_is_served_again(recommender, live, second, scorer):
    kept = {path: path.read_bytes() for path in artifacts().folder(second.digest).iterdir()}
    damage(second)
    assert scorer.score(recommender, ROWS).version == 1
    for path, content in kept.items():
        path.write_bytes(content)
    scorer.report()
    assert scorer.score(recommender, ROWS).version == 2
    assert ServingReport.objects.get().error == ""


def test_requests_are_counted_for_the_deployment_that_answered(recommender, live, second, scorer):
    scorer.score(recommender, ROWS)
    roll_back(recommender, to=live, reason="worse")
    scorer.look()
    scorer.score(recommender, ROWS)
    scorer.score(recommender, ROWS)
    scorer.counts.flush()
    counted = Deployment.objects.order_by("pk").values_list("scored_requests", "scored_rows")
    assert list(counted) == [(0, 0), (1, 2), (2, 4)]


def test_no_request_fails_or_mixes_versions_while_they_are_swapped(
    recommender, live, second, scorer
):
    expected = {}
    for version in (second, live):
        expected[version.number] = scorer.score(recommender, ROWS).scores
        roll_back(recommender, to=live if version is second else second, reason="swap")
        scorer.look()
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            scored = scorer.score(recommender, ROWS)
            if scored.scores != expected[scored.version]:
                wrong.append(scored)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    [thread.start() for thread in threads]
    for to in (live, second) * 5:
        roll_back(recommender, to=to, reason="swap")
        scorer.look()
    stop.set()
    [thread.join() for thread in threads]
    assert not wrong
