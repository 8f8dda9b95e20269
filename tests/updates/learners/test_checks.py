import pytest

from tests.conftest import SCHEMA, make_batch
from tests.updates.learners import counting
from updates.learners import checks, registry
from updates.learners.checks import CheckFailed, check_learner, checks_of

BATCHES = [make_batch(30), make_batch(25, first=30), make_batch(20, first=55)]

BROKEN = [
    (checks.same_calls_give_the_same_bytes, counting.Numbered, CheckFailed),
    (checks.a_loaded_learner_goes_on_alike, counting.Forgetful, CheckFailed),
    (checks.saving_leaves_later_learning_alone, counting.ChangedBySaving, CheckFailed),
    (checks.predicting_changes_nothing, counting.ChangedByPredicting, CheckFailed),
    (checks.the_serving_form_predicts_the_same_bits, counting.RoundedServing, CheckFailed),
    (checks.probabilities_are_finite, counting.LogOdds, CheckFailed),
    (checks.probabilities_are_finite, counting.NotANumber, CheckFailed),
    (checks.unseen_features_are_predicted, counting.Closed, KeyError),
    (checks.nulls_are_learned_and_predicted, counting.NeedsText, AttributeError),
    (checks.an_empty_batch_changes_nothing, counting.CountsBatches, CheckFailed),
    (checks.an_empty_batch_changes_nothing, counting.Miscounts, CheckFailed),
    (checks.the_batch_is_not_kept, counting.Hoarder, CheckFailed),
    (checks.fit_forgets, counting.NeverForgets, CheckFailed),
    (checks.reports_count_the_samples, counting.Miscounts, CheckFailed),
    (checks.progress_can_stop_it, counting.CannotBeStopped, CheckFailed),
    (checks.sparsity_adds_up, counting.MoreThanSeen, CheckFailed),
    (checks.batches_may_be_cut_anywhere, counting.CountsBatches, CheckFailed),
    (
        checks.each_sample_is_predicted_before_it_is_learned,
        counting.PredictsAfterwards,
        CheckFailed,
    ),
]
LEARNERS = [counting.Counting, *map(registry.get, registry.names())]


@pytest.mark.parametrize(
    ("learner", "check"),
    [(learner, check) for learner in LEARNERS for check in checks_of(learner)],
    ids=lambda value: value.__name__,
)
def test_a_learner_keeps_its_promises(learner, check):
    check(lambda: learner(SCHEMA), BATCHES)


@pytest.mark.parametrize(("check", "learner", "error"), BROKEN, ids=lambda value: value.__name__)
def test_a_check_catches_a_learner_that_breaks_its_promise(check, learner, error):
    with pytest.raises(error):
        check(lambda: learner(SCHEMA), BATCHES)


def test_every_check_has_a_learner_that_it_catches():
    assert {check for check, *_ in BROKEN} == {*checks.ALL, *checks.SEQUENTIAL}


def test_a_learner_is_checked_by_class_or_name():
    check_learner(counting.Counting, SCHEMA, BATCHES)
    check_learner("sparse_linear", SCHEMA, BATCHES, {"l1": 0.0})
    with pytest.raises(CheckFailed, match="counts contradict"):
        check_learner(counting.MoreThanSeen, SCHEMA, BATCHES)


def test_learners_that_learn_whole_batches_are_not_cut():
    class Whole(counting.CountsBatches):
        sequential = False

    assert checks.batches_may_be_cut_anywhere not in checks_of(Whole)
