"""What a version learned, worked out by a worker and kept."""

import pytest
from django.utils import timezone

from updates.flows import explain as explaining
from updates.flows.explain import (
    REST,
    NotExplainable,
    explain,
    explain_live,
    explanation_of,
    look_after_explanations,
)
from updates.flows.prune import prune
from updates.flows.turn import turn
from updates.models import Explanation, ModelVersion
from updates.models.explanation import MOST_ATTEMPTS


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Ids of the explanations that workers were told of."""
    sent = []

    def send(name, args, **kwargs):
        if name == "updates.tasks.explain_version":
            sent.extend(args)

    monkeypatch.setattr(explaining.current_app, "send_task", send)
    return sent


@pytest.fixture
def updated(live, append, update):
    """The version after ``live``, which learned 500 samples more."""
    append(live.recommender, 500)
    return update(live.recommender, "incremental").result_version


def worked_out(version, against=None):
    found = explanation_of(version, against)
    explain(found.pk)
    found.refresh_from_db()
    return found


def later(found):
    """As if it had been worked out a while ago."""
    Explanation.objects.filter(pk=found.pk).update(computed_at=timezone.now() - REST)


def test_a_version_is_explained_against_its_parent(updated, told):
    found = worked_out(updated)
    assert told == [found.pk]
    assert (found.state, found.error) == ("ready", "")
    assert found.against == updated.parent
    samples = found.content["samples"]
    assert samples["before"]["samples"] == updated.parent.next_offset - 1
    assert samples["news"]["samples"] == updated.next_offset - updated.parent.next_offset
    assert found.content["sentences"]


def test_what_is_worked_out_is_kept(updated, told):
    worked_out(updated)
    assert explanation_of(updated).state == "ready"
    assert len(told) == 1


def test_it_is_worked_out_again_once_more_samples_have_come_since(updated, append):
    later(worked_out(updated))
    assert explanation_of(updated).state == "ready"
    append(updated.recommender, 300)
    again = explanation_of(updated)
    assert again.state == "queued"
    assert again.content
    found = worked_out(updated)
    assert found.content["samples"]["since"]["samples"] == 300
    assert found.content["worth"]["ne_difference"] is not None
    assert {one["samples"] > 0 for one in found.content["slices"]} == {True}


def test_the_other_way_round_all_differences_have_the_other_sign(updated, append):
    append(updated.recommender, 300)
    there = worked_out(updated).content
    back = worked_out(updated.parent, updated).content
    assert back["worth"]["ne_difference"] == pytest.approx(-there["worth"]["ne_difference"])
    assert back["born"] == there["died"]
    shares = [{row["feature"]: row["share"] for row in one["fields"]} for one in (there, back)]
    assert shares[0] == pytest.approx(shares[1])


def test_the_first_version_has_nothing_to_be_held_against(live):
    with pytest.raises(NotExplainable, match="it is the first"):
        explanation_of(live)
    with pytest.raises(NotExplainable, match="does not differ from itself"):
        explanation_of(live, live)


def test_live_versions_are_explained_unasked(updated, told):
    explain_live()
    assert told == [Explanation.objects.get(version=updated).pk]


def test_files_that_went_while_it_waited_are_said_to_be_gone(updated):
    asked = explanation_of(updated)
    updated.recommender.keep_versions = 1
    prune(updated.recommender)
    explain(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "failed"
    assert asked.error.endswith(".")


def test_nothing_is_asked_of_a_worker_that_takes_files_that_are_gone(updated):
    updated.recommender.keep_versions = 1
    prune(updated.recommender)
    with pytest.raises(NotExplainable, match="files of version 1 are no longer kept"):
        explanation_of(ModelVersion.objects.get(pk=updated.pk))
    assert not Explanation.objects.exists()


def test_one_is_worked_out_at_a_time(updated, told, valkey):
    found = explanation_of(updated)
    with turn("explanations") as ours:
        assert ours
        explain(found.pk)
        found.refresh_from_db()
        assert (found.state, found.attempts) == ("queued", 0)
    explain(found.pk)
    found.refresh_from_db()
    assert found.state == "ready"


def test_who_has_worked_one_out_tells_of_the_one_that_waited_longest(live, append, update, told):
    append(live.recommender, 500)
    second = update(live.recommender, "incremental").result_version
    append(live.recommender, 500)
    third = update(live.recommender, "incremental").result_version
    first, other = explanation_of(second), explanation_of(third)
    told.clear()
    explain(first.pk)
    assert told == [other.pk]
    explain(other.pk)
    assert told == [other.pk]


def test_what_kills_workers_is_given_up(updated, told, valkey):
    found = explanation_of(updated)
    for _ in range(MOST_ATTEMPTS):
        assert found.begin()
    valkey.flushdb()
    look_after_explanations()
    assert told == [found.pk, found.pk]
    explain(found.pk)
    found.refresh_from_db()
    assert (found.state, found.error) == (
        "failed",
        "Workers stopped answering over it; ask for it again.",
    )


def test_it_knows_whether_a_version_was_trained_anew_since_the_other(updated, update):
    anew = update(updated.recommender, "full").result_version
    assert updated.begun_with(updated.parent)
    assert updated.parent.begun_with(updated)
    assert not anew.begun_with(updated)
