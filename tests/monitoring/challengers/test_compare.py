"""Champion and challenger are compared on samples that neither had learned, each once."""

import numpy as np
import pytest

from monitoring.challengers import compare as compare_module
from monitoring.challengers.hours import coarsen, sums_of
from monitoring.challengers.models import ComparedHour, Comparison, Foretold
from monitoring.challengers.sums import Sums
from monitoring.challengers.verdict import Verdict, sentence, verdict
from monitoring.tasks import compare_challengers, keep_series
from tests.updates.flows.online import hurry, make_policy, see_through
from updates.flows.deploy import deploy
from updates.flows.online.session import never
from updates.metrics import loss_difference, quality
from updates.models import Quarantine, Recommender
from updates.progressive import Progressive
from updates.samples.log import SampleLog
from updates.serving import scorer


def compared(challenger):
    return Sums.total(map(sums_of, challenger.compared_hours.all()))


def predictions(version, start, stop):
    [batch] = SampleLog(version.recommender).read(start, stop)
    labels = batch.column("label").to_numpy().astype(float)
    return labels, scorer.predict(version, batch), batch.column("user").to_pylist()


def test_a_better_learner_option_is_found_ahead(challenger, arrive):
    arrive(1000)
    sums = compared(challenger)
    assert verdict(sums) == Verdict.AHEAD
    assert sentence(sums).startswith("Ahead by 0.")
    assert "on 1,000 samples" in sentence(sums)


def test_a_worse_one_is_found_behind(champion, begin, arrive, update):
    champion.learner_options = {"alpha": 0.5}
    champion.save(update_fields=["learner_options"])
    update(champion)
    worse = begin("worse", learner_options={"alpha": 0.001})
    arrive(1000)
    assert verdict(compared(worse)) == Verdict.BEHIND


@pytest.mark.parametrize("alpha", [0.5, 0.55])
def test_an_equal_one_is_not_told_apart(champion, begin, arrive, update, alpha):
    """The same, and another that learns as well."""
    champion.learner_options = {"alpha": 0.5}
    champion.save(update_fields=["learner_options"])
    update(champion)
    equal = begin(learner_options={"alpha": alpha})
    arrive(1000)
    assert verdict(compared(equal)) == Verdict.ALIKE
    assert sentence(compared(equal)).startswith("Not told apart on 1,000 samples")


def test_few_samples_give_no_verdict(challenger, arrive):
    arrive(50)
    assert verdict(compared(challenger)) == Verdict.TOO_FEW
    assert sentence(compared(challenger)).startswith("Too few samples to tell: 50 samples")


def test_the_sums_are_those_of_the_samples(champion, challenger, arrive):
    arrive(400)
    arrive(300)
    labels, theirs, users = predictions(champion.live_version, 1001, 1701)
    _, ours, _ = predictions(challenger.live_version, 1001, 1701)
    sums = compared(challenger)
    assert sums.samples == 700
    assert sums.champion_ne == pytest.approx(quality(labels, theirs).ne)
    assert sums.challenger_ne == pytest.approx(quality(labels, ours).ne)
    _, groups = np.unique(users, return_inverse=True)
    expected = loss_difference(labels, ours, theirs, groups=groups)
    assert sums.difference.mean == pytest.approx(expected.mean)
    # 50 users fall into 128 groups, some into one.
    assert sums.difference.standard_error == pytest.approx(expected.standard_error, rel=0.2)


def test_each_sample_is_compared_once(challenger, arrive):
    arrive(200)
    compare_challengers()
    assert compared(challenger).samples == 200


def test_of_a_flood_the_newest_are_compared(challenger, arrive, monkeypatch):
    monkeypatch.setattr(compare_module, "MOST_SAMPLES", 150)
    arrive(400)
    assert compared(challenger).samples == 150


def test_what_came_before_both_were_live_does_not_count(champion, arrive, begin):
    arrive(300)
    late = begin(learner_options={"alpha": 0.5})
    arrive(200)
    assert compared(late).samples == 200


def test_samples_learned_before_the_look_are_predicted_by_what_was_live_when_they_came(
    champion, challenger, arrive, update, clock
):
    first = challenger.live_version
    arrive(300, compare=False)
    update(challenger, "incremental")
    arrive(300)
    labels, _, _ = predictions(champion.live_version, 1001, 1601)
    _, before, _ = predictions(first, 1001, 1301)
    challenger.refresh_from_db()
    assert challenger.live_version != first
    _, after, _ = predictions(challenger.live_version, 1301, 1601)
    sums = compared(challenger)
    assert sums.samples == 600
    expected = quality(labels, np.concatenate([before, after])).ne
    assert sums.challenger_ne == pytest.approx(expected)


def test_what_a_version_has_learned_it_does_not_predict_whatever_clocks_say(
    challenger, arrive, update, clock
):
    arrive(300, compare=False)
    update(challenger, "incremental")
    challenger.deployments.filter(ended_at=None).update(started_at=clock(-100))
    challenger.deployments.exclude(ended_at=None).update(ended_at=clock(0), started_at=clock(-1))
    clock(200)
    compare_challengers()
    assert compared(challenger).samples == 0


def test_a_late_positive_takes_back_the_negative_that_was_counted(champion, challenger, arrive):
    Recommender.objects.update(delayed_feedback="fake_negative_weighted")
    arrive(400)
    labels, ours, _ = predictions(challenger.live_version, 1001, 1401)
    expected = Progressive(fake_negatives=True)
    expected.add(labels, ours, np.ones(400))
    sums = compared(challenger)
    assert sums.samples == expected.quality().samples == 400 - labels.sum()
    assert sums.challenger_ne == pytest.approx(expected.quality().ne)


def test_quarantined_samples_are_left_out(champion, challenger, arrive):
    arrive(300, compare=False)
    Quarantine.objects.create(
        recommender=champion, selection={}, ranges=[[1001, 1200]], reason="a bug"
    )
    compare_challengers()
    assert compared(challenger).samples == 100


def test_a_second_process_counts_nothing_twice(challenger, arrive, monkeypatch):
    arrive(100, compare=False)
    predict = scorer.predict

    def overtaken(version, batch):
        Comparison.objects.update(next_offset=1101)
        return predict(version, batch)

    monkeypatch.setattr(scorer, "predict", overtaken)
    compare_challengers()
    assert compared(challenger).samples == 0


def test_one_that_cannot_be_compared_stops_no_other(challenger, begin, arrive, settings):
    other = begin("another", learner_options={"alpha": 0.5, "l1": 0.1})
    digest = challenger.live_version.digest
    for path in (settings.RECADMIN_DATA / "artifacts" / digest[:2] / digest).iterdir():
        path.unlink()
    arrive(100)
    assert compared(challenger).samples == 0
    assert compared(other).samples == 100


def test_what_is_learned_online_is_judged_by_what_its_session_foretold(
    champion, challenger, arrive, monkeypatch
):
    hurry(monkeypatch)
    policy = make_policy(challenger, version_every_minutes=1, holdout_samples=300)
    arrive(400)
    assert compared(challenger).samples == 400, "no session has begun"
    arrive(200, compare=False)
    run = see_through(policy, never)
    assert run.state == "promoted", run.error
    kept = Foretold.objects.get()
    assert (kept.first_offset, kept.last_offset) == (1301, 1600)
    compare_challengers()
    sums = compared(challenger)
    # Of those that were compared by the version before, none is compared again.
    assert sums.samples == 600
    learner = challenger.new_learner()
    told = []
    for batch in SampleLog(challenger).read(1, 1601):
        told.append(learner.learn(batch).predictions)
    assert np.frombuffer(kept.predictions) == pytest.approx(np.concatenate(told)[1300:])


def test_two_that_learn_online_are_compared_where_both_have_foretold(
    champion, challenger, arrive, monkeypatch
):
    hurry(monkeypatch)
    arrive(600, compare=False)
    for side, kept in ((champion, 300), (challenger, 200)):
        policy = make_policy(side, version_every_minutes=1, holdout_samples=kept, max_ne_increase=9)
        assert see_through(policy, never).state == "promoted"
    compare_challengers()
    assert compared(challenger).samples == 200
    compare_challengers()
    assert compared(challenger).samples == 200


def test_what_nobody_asks_for_is_not_kept(live, append, monkeypatch):
    hurry(monkeypatch)
    append(live.recommender, 400)
    see_through(make_policy(live.recommender, version_every_minutes=1), never)
    assert not Foretold.objects.exists()


def test_what_was_foretold_is_kept_for_an_hour(challenger, clock):
    Foretold.objects.create(
        recommender=challenger,
        first_offset=1,
        last_offset=1,
        offsets=b"",
        predictions=b"",
        at=clock(0),
    )
    keep_series()
    assert Foretold.objects.exists()
    clock(3_601)
    keep_series()
    assert not Foretold.objects.exists()


def test_hours_become_days_after_a_week_and_nothing_is_lost(challenger, arrive, clock):
    for _ in range(3):
        arrive(100)
        clock(3600)
    before = compared(challenger)
    assert ComparedHour.objects.count() == 3
    coarsen(clock(0))
    assert ComparedHour.objects.count() == 3
    clock(9 * 86_400)
    coarsen(clock(0))
    coarsen(clock(0))
    hour = ComparedHour.objects.get()
    assert (hour.at.hour, hour.samples) == (0, 300)
    assert compared(challenger).difference == before.difference


def test_after_going_back_each_sample_still_has_the_version_that_was_live(
    champion, challenger, arrive, update, clock
):
    first = challenger.live_version
    arrive(200)
    update(challenger, "incremental")
    clock(1)
    first.refresh_from_db()
    deploy(first, kind="rollback", reason="worse")
    arrive(200)
    assert compared(challenger).samples == 400
