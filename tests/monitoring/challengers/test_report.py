"""What is told of a comparison: both sides on the same samples, their cost and age, a verdict."""

from datetime import timedelta

import pytest

from monitoring import metrics, series
from monitoring.challengers.report import challenge, challenges
from monitoring.challengers.verdict import Verdict
from tests.monitoring.conftest import text
from tests.updates.api.conftest import Caller
from tests.updates.flows.challengers import challenge as begin_challenge
from tests.updates.flows.online import make_policy as make_online
from updates.models import UpdateRun
from updates.serving import scorer

DAY = 86_400


def costs(side):
    return [(span.runs, span.cpu_seconds) for span in side]


def test_all_challengers_of_a_champion_are_told_of_the_oldest_first(
    champion, challenger, begin, clock
):
    clock(1)
    begin("another")
    begin_challenge(begin_other(champion), "elsewhere")
    found = challenges(champion, clock(0))
    assert [each.challenger.slug for each in found] == ["challenger", "another"]


def begin_other(champion):
    same = {"schema": champion.schema, "learner": champion.learner}
    return type(champion).objects.create(slug="other", name="Other", **same)


def test_each_span_looks_back_so_far(challenger, arrive, clock):
    for days in (3, 6, 0.5):
        arrive(300)
        clock(days * DAY)
    found = challenge(challenger, clock(0))
    assert [(span.days, span.sums.samples) for span in found.spans] == [
        (1, 300),
        (7, 600),
        (None, 900),
    ]
    assert found.whole.verdict == Verdict.AHEAD
    assert found.whole.ne_interval[1] < 0


def test_runs_and_cpu_seconds_count_from_when_they_began(champion, challenger, clock):
    UpdateRun.objects.filter(recommender=challenger).update(cpu_seconds=5.0)
    UpdateRun.objects.filter(recommender=champion).update(cpu_seconds=9.0)
    clock(2 * DAY)
    UpdateRun.objects.create(
        recommender=challenger,
        strategy="full",
        components=["weights"],
        started_at=clock(0),
        cpu_seconds=3.0,
    )
    spans = challenge(challenger, clock(0)).spans
    assert costs(span.challenger for span in spans) == [(1, 3.0), (2, 8.0), (2, 8.0)]
    # What the champion's first version took, it took before.
    assert costs(span.champion for span in spans)[0] == (0, 0.0)
    assert [span.challenger.cpu_seconds_a_day for span in spans] == [3.0, 4.0, 4.0]


def test_the_age_is_the_median_of_the_hours(champion, challenger, clock):
    for age in (60, 70, 1000):
        now = clock(3600)
        series.record(challenger, {metrics.AGE_SECONDS: age}, now)
        series.record(champion, {metrics.AGE_SECONDS: 10 * age}, now)
    whole = challenge(challenger, clock(1)).whole
    assert whole.challenger.median_age_seconds == 70
    assert whole.champion.median_age_seconds == 700


def test_the_hour_in_which_it_began_has_an_age_too(challenger, clock):
    clock(1800)
    series.record(challenger, {metrics.AGE_SECONDS: 60}, clock(30))
    assert challenge(challenger, clock(30)).whole.challenger.median_age_seconds == 60


def test_what_keeps_it_from_being_compared_is_said(champion, challenger, clock, monkeypatch):
    fresh = begin_challenge(champion, "fresh")
    assert challenge(challenger, clock(0)).obstacle == ""
    assert "fresh has no live version yet" in challenge(fresh, clock(0)).obstacle
    make_online(challenger)
    told = {challenger.pk: None}
    monkeypatch.setattr("monitoring.challengers.report.online_positions", lambda sides: told)
    assert "no session is at work" in challenge(challenger, clock(0)).obstacle


def test_the_api_tells_the_same(champion, challenger, arrive, clock, viewer, make_policy):
    make_policy(challenger)
    arrive(1000)
    clock(600)
    found = challenge(challenger, clock(0))
    [told] = Caller(viewer).get("recommenders/news/challengers").json()["challengers"]
    assert (told["slug"], told["learner_options"]) == ("challenger", {"alpha": 0.5})
    assert told["cadence"] == "incremental every 1 h"
    assert (told["verdict"], told["sentence"]) == ("ahead", found.whole.sentence)
    last = told["spans"][-1]
    assert (last["days"], last["samples"]) == (None, 1000)
    assert last["challenger"]["ne"] == pytest.approx(found.whole.sums.challenger_ne)
    assert last["ne_difference_from"] < last["ne_difference"] < last["ne_difference_to"] < 0
    assert Caller(viewer).get("recommenders/challenger/challengers").json() == {"challengers": []}


def test_the_champions_page_lists_it_with_its_verdict(challenger, arrive, as_viewer):
    arrive(1000)
    words = text(as_viewer.get("/recommenders/news/challengers/"))
    assert "Challenger challenger, since" in words
    assert "alpha=0.5" in words
    assert "Ahead by 0." in words
    assert "on 1,000 samples" in words


def test_its_own_page_says_whom_it_challenges_and_how_it_does(challenger, arrive, as_viewer):
    arrive(1000)
    page = text(as_viewer.get("/recommenders/challenger/"))
    assert "challenges News" in page
    assert "Against News, whose samples it learns" in page
    assert "Adopt" not in page
    words = text(as_viewer.get("/recommenders/challenger/challengers/"))
    assert "since it began 1,000" in words
    assert "1 day 1,000" in words


def test_where_nobody_challenges_the_page_says_what_a_challenger_is_for(champion, as_admin):
    answer = as_admin.get("/recommenders/news/challengers/")
    assert "Nobody challenges it" in text(answer)
    assert f"?challenges={champion.pk}" in answer.content.decode()


def test_an_operator_adopts_it_on_its_page(champion, challenger, as_operator):
    assert "Adopt" in text(as_operator.get("/recommenders/challenger/"))
    answer = as_operator.post(
        "/recommenders/challenger/adopt/", {"reason": "ahead for a week"}, follow=True
    )
    assert "News serves version 2, adopted from Challenger." in text(answer)
    champion.refresh_from_db()
    assert champion.learner_options == {"alpha": 0.5}
    rows = [{"user": "u1", "item": "i1", "device": "phone"}]
    scorer.process_scorer().look()
    assert scorer.score(champion, rows).scores == scorer.score(challenger, rows).scores


def test_without_a_reason_nothing_is_adopted(champion, challenger, as_operator):
    answer = as_operator.post("/recommenders/challenger/adopt/", {}, follow=True)
    assert "Say why" in text(answer)
    champion.refresh_from_db()
    assert champion.live_version.number == 1


def test_the_quarantines_that_it_shows_are_the_champions(champion, challenger, as_operator):
    from updates.models import Quarantine

    Quarantine.objects.create(recommender=champion, selection={}, ranges=[[1, 2]], reason="a bug")
    page = text(as_operator.get("/recommenders/challenger/"))
    assert "Of the log of News" in page
    assert "a bug" in page
    assert "Quarantine samples…" not in page


def test_the_api_adopts_once_however_often_it_is_asked(champion, challenger, operator):
    caller, key = Caller(operator), {"Idempotency-Key": "k1"}
    answers = [
        caller.post("recommenders/challenger/adopt", {"reason": "ahead"}, headers=key)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["version"] == 2
    assert champion.versions.count() == 2


def test_a_viewer_adopts_nothing(champion, challenger, viewer):
    answer = Caller(viewer).post("recommenders/challenger/adopt", {"reason": "ahead"})
    assert answer.status_code == 403
    assert champion.versions.count() == 1


def test_an_hour_is_counted_whole(challenger, arrive, clock):
    arrive(100)
    clock(timedelta(days=1).total_seconds())
    assert challenge(challenger, clock(0)).spans[0].sums.samples == 100
