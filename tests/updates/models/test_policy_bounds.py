"""Numbers of a policy that cannot be meant are refused in a sentence, and by the database."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from updates.models import UpdatePolicy
from updates.models.policy_bounds import BOUNDS


@pytest.fixture
def make_policy(make_recommender):
    """``make_policy(**fields)``: a policy that is not saved."""
    recommender = make_recommender()
    defaults = {"name": "hourly", "strategy": "full", "interval_seconds": 3600}
    return lambda **fields: UpdatePolicy(recommender=recommender, **defaults | fields)


OUTSIDE = [
    (field, value)
    for field, bounds in BOUNDS.items()
    for value in (
        bounds.lowest / 2 if 0 < bounds.lowest < 1 else bounds.lowest - 1,
        bounds.highest + 1,
    )
]


@pytest.mark.parametrize(("field", "value"), OUTSIDE)
def test_a_number_past_its_bounds_is_refused_by_model_and_table(make_policy, field, value):
    policy = make_policy(**{field: value})
    with pytest.raises(ValidationError) as refused:
        policy.full_clean()
    assert list(refused.value.message_dict) == [field]
    assert refused.value.message_dict[field][0].startswith("Must be from ")
    with pytest.raises(IntegrityError), transaction.atomic():
        policy.save()


@pytest.mark.parametrize(("field", "bounds"), BOUNDS.items())
def test_the_bounds_themselves_are_allowed(make_policy, field, bounds):
    for value in (bounds.lowest, bounds.highest):
        policy = make_policy(**{field: value}, name=f"p{value}".replace(".", "-"))
        policy.full_clean()
        policy.save()
    assert UpdatePolicy.objects.count() == 2


def test_what_is_left_out_has_no_bounds(make_policy):
    policy = make_policy(trigger="manual", interval_seconds=None, window_seconds=None)
    policy.full_clean()
    policy.save()
