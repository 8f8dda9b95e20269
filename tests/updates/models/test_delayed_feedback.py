"""A recommender's learner knows how its samples are made."""

import pytest
from django.core.exceptions import ValidationError

WEIGHTED = "fake_negative_weighted"


def test_the_learner_is_told_how_samples_are_made(make_recommender):
    learner = make_recommender(delayed_feedback=WEIGHTED).new_learner()
    assert learner.settings["delayed_feedback"] == WEIGHTED


def test_a_learner_that_corrects_fake_negatives_may_have_them(make_recommender):
    make_recommender(delayed_feedback=WEIGHTED).full_clean()


@pytest.mark.parametrize("learner", ["gbdt", "gbdt_lr", "wide_deep"])
def test_a_learner_that_does_not_has_to_wait(make_recommender, learner):
    recommender = make_recommender(learner=learner, delayed_feedback=WEIGHTED)
    with pytest.raises(ValidationError, match=f"Must be wait: {learner} does not correct"):
        recommender.full_clean()


def test_a_share_of_the_negatives_takes_final_labels(make_recommender):
    recommender = make_recommender(delayed_feedback=WEIGHTED, negative_sampling_rate=0.1)
    with pytest.raises(ValidationError, match="Must be 1 unless delayed_feedback is wait"):
        recommender.full_clean()


def test_the_learner_is_told_which_share_of_negatives_it_gets(make_recommender):
    learner = make_recommender(negative_sampling_rate=0.1).new_learner()
    assert learner.settings["negative_sampling_rate"] == 0.1


def test_options_must_not_say_otherwise(make_recommender):
    recommender = make_recommender(learner_options={"delayed_feedback": WEIGHTED})
    with pytest.raises(ValidationError, match="must be left out, or wait as there"):
        recommender.full_clean()
