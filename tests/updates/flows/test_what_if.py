"""What-ifs: replayed from the log by a worker, kept, cancelled."""

import pytest

from updates.flows import jobs
from updates.flows import what_if as asking
from updates.flows.jobs import look_after, say_alive
from updates.flows.what_if import NotReplayable, WhatIfError, answer, can_ask, request_what_if
from updates.learners.what_if import replayed
from updates.models import WhatIf
from updates.models.what_if import WhatIfIsOver, WhatIfUnderWay
from updates.samples.log import SampleLog


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Ids of the what-ifs that workers were told of."""
    sent = []
    monkeypatch.setattr(jobs.current_app, "send_task", lambda name, args, **more: sent.extend(args))
    return sent


def answered(recommender, **asked):
    what_if = request_what_if(recommender, **asked)
    answer(what_if.pk)
    what_if.refresh_from_db()
    return what_if


def test_it_equals_a_direct_run_over_the_same_samples(recommender):
    what_if = answered(recommender, admit_after=[0, 2], expire_after=[0, 7], samples=600)
    assert what_if.state == "done", what_if.outcome
    assert (what_if.first_offset, what_if.last_offset, what_if.samples) == (401, 1000, 600)
    pairs = [(one["admit_after"], one["expire_after"]) for one in what_if.settings]
    assert pairs == [(0, 0), (0, 7), (2, 0), (2, 7)]
    schema = recommender.sample_schema
    learners = [
        recommender.learner_class(schema, recommender.learner_options | setting)
        for setting in what_if.settings
    ]
    log = SampleLog(recommender)
    batches = [batch.select(schema.arrow.names) for batch in log.read(401, 1001)]
    direct = replayed(learners, batches, 300)
    assert what_if.results == [result.to_json() for result in direct]
    assert what_if.results[2]["admitted"] < what_if.results[0]["admitted"]
    assert what_if.cpu_seconds > 0


def test_asked_again_it_comes_out_the_same(recommender):
    first, second = (answered(recommender, samples=500) for _ in range(2))
    assert first.results == second.results


def test_the_present_setting_comes_first_whatever_is_asked(recommender):
    recommender.learner_options = {"admit_after": 3, "expire_after": 30}
    recommender.save()
    what_if = request_what_if(recommender, admit_after=[1, 3])
    assert what_if.settings == [
        {"admit_after": 3, "expire_after": 30},
        {"admit_after": 1, "expire_after": 30},
    ]


def test_one_at_a_time_is_asked_of_a_recommender(recommender, told):
    first = request_what_if(recommender)
    with pytest.raises(WhatIfUnderWay) as refused:
        request_what_if(recommender)
    assert refused.value.what_if == first
    assert told == [first.pk]


def test_while_one_runs_others_wait_and_leave_workers_for_updates(
    recommender, make_recommender, append
):
    other = make_recommender("other")
    append(other, 200)
    running, waiting = request_what_if(recommender), request_what_if(other)
    running.claim()
    answer(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == "queued"
    running.end("failed", "Given up.")
    answer(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == "done"


def test_cancelled_it_stops_and_keeps_nothing(recommender, monkeypatch):
    what_if = request_what_if(recommender)

    def cancel(what_if, work):
        what_if.cancel()
        work._stopped = not work._note()
        work.count(1)

    monkeypatch.setattr(asking, "study", cancel)
    answer(what_if.pk)
    what_if.refresh_from_db()
    assert (what_if.state, what_if.results) == ("cancelled", [])
    with pytest.raises(WhatIfIsOver):
        what_if.cancel()


def test_one_whose_worker_died_fails_and_one_at_work_is_left_alone(recommender):
    what_if = request_what_if(recommender)
    say_alive(what_if)
    what_if.claim()
    look_after(WhatIf)
    what_if.refresh_from_db()
    assert what_if.state == "running"
    jobs.connection().delete(f"recadmin:what-if:{what_if.pk}:alive")
    look_after(WhatIf)
    what_if.refresh_from_db()
    assert what_if.state == "failed"


def test_an_empty_log_cannot_be_replayed(valkey, make_recommender, transactional_db):
    with pytest.raises(NotReplayable, match="The log has 0 samples"):
        request_what_if(make_recommender())


def test_a_learner_without_admission_cannot_be_asked(trees):
    assert not can_ask(trees)
    with pytest.raises(NotReplayable, match="neither admits nor forgets"):
        request_what_if(trees)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"admit_after": [251]}, "admit_after"),
        ({"expire_after": [-1]}, "expire_after"),
        ({"admit_after": range(13)}, "admit_after"),
        ({"admit_after": [0]}, "admit_after"),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(recommender, asked, field):
    with pytest.raises(WhatIfError) as refused:
        request_what_if(recommender, **asked)
    assert refused.value.field == field
    assert not WhatIf.objects.exists()
