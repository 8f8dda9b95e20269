"""Deleting a recommender: its rows, its files and what it has in Valkey go with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.updates.flows.conftest import *  # noqa: F403 - its fixtures
from tests.updates.flows.joining import Joining
from updates.flows.delete_recommender import StillUpdating, delete_recommender
from updates.flows.forget import LOOK_BACK, forget_deleted
from updates.flows.trigger import trigger
from updates.models import Recommender
from updates.samples.log import SampleLog


@pytest.fixture
def busy(recommender):
    """Its log is archived in part; its joiner holds something of every kind."""
    SampleLog(recommender).archive(timezone.now() + timedelta(days=1))
    joining = Joining(recommender)
    joining.show("clicked", "closed")
    joining.click("clicked")
    joining.later(recommender.join_window_seconds + 1)
    joining.show("waiting", "clicked-while-waiting")
    joining.click("clicked-while-waiting", "never-shown")
    return recommender


def kinds(valkey, recommender):
    """What Valkey holds of a recommender, by the word after its hash tag."""
    found = [key.decode() for key in valkey.scan_iter("*")]
    prefix = f"{recommender.stream_key}:"
    return {key.removeprefix(prefix).split(":")[0] for key in found if key.startswith(prefix)}


def test_nothing_of_its_log_and_joiner_stays_in_valkey(busy, valkey):
    assert kinds(valkey, busy) == {"stream", "head", "batch", "joiner"}
    delete_recommender(busy)
    assert kinds(valkey, busy) == set()


def test_what_others_have_in_valkey_stays(busy, valkey, make_recommender, append):
    other = make_recommender("other", schema=busy.sample_schema)
    append(other, 10)
    Joining(other).show("waiting")
    held = kinds(valkey, other)
    delete_recommender(busy)
    assert kinds(valkey, other) == held >= {"stream", "joiner"}


def test_its_archived_samples_and_its_rows_are_gone(busy):
    folder = SampleLog(busy).folder
    assert list(folder.iterdir())
    delete_recommender(busy)
    assert not folder.exists()
    assert not Recommender.objects.exists()


def test_with_an_update_under_way_it_stays_and_says_which_to_cancel(busy, valkey):
    run = trigger(busy, strategy="full")
    with pytest.raises(StillUpdating, match=f"Run {run.pk} is queued; cancel it first"):
        delete_recommender(busy)
    assert "stream" in kinds(valkey, busy)


def test_what_was_written_while_it_was_deleted_is_forgotten_later(
    busy, valkey, make_recommender, append
):
    other = make_recommender("other", schema=busy.sample_schema)
    append(other, 10)
    in_flight = Recommender.objects.get(pk=busy.pk)
    delete_recommender(busy)
    append(in_flight, 10)
    Joining(in_flight).show("late")
    left = len(valkey.keys(f"{in_flight.stream_key}:*"))
    assert kinds(valkey, in_flight) == {"stream", "head", "batch", "joiner"}
    assert forget_deleted(timezone.now()) == left
    assert kinds(valkey, in_flight) == set()
    assert kinds(valkey, other) == {"stream", "head", "batch"}


def test_long_after_a_deletion_nothing_is_looked_for(busy, valkey):
    in_flight = Recommender.objects.get(pk=busy.pk)
    delete_recommender(busy)
    valkey.set(f"{in_flight.stream_key}:stream", "")
    assert forget_deleted(timezone.now() + LOOK_BACK) == 0
