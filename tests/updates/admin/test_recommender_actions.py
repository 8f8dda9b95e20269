"""What an operator does to recommenders from their list or page; refusals are messages."""

import pytest
from django.utils import timezone

from tests.updates.admin.conftest import NOON, address, told
from updates.models import Recommender, UpdateRun


def act(client, action, *recommenders, **data):
    chosen = {"action": action, "_selected_action": [r.pk for r in recommenders]}
    return client.post(address("recommender_changelist"), chosen | data)


@pytest.mark.parametrize("strategy", ["full", "incremental"])
def test_an_update_is_queued_and_linked(as_operator, operator, recommender, strategy):
    answer = act(as_operator, f"run_{strategy}", recommender)
    run = UpdateRun.objects.get()
    assert (run.strategy, run.requested_by, run.policy) == (strategy, operator, None)
    assert address("updaterun_change", run.pk) in told(answer)


def test_an_update_goes_by_the_one_policy_of_its_strategy(as_operator, recommender, daily):
    answer = act(as_operator, "run_full", recommender)
    run = UpdateRun.objects.get()
    assert (run.policy, run.window_seconds) == (daily, daily.window_seconds)
    assert "policy daily" in told(answer)


def test_a_second_writer_is_refused_and_the_first_one_linked(as_operator, recommender):
    act(as_operator, "run_full", recommender)
    answer = act(as_operator, "run_incremental", recommender)
    run = UpdateRun.objects.get()
    assert f"Run {run.pk} (full, queued) is already updating weights" in told(answer)
    assert address("updaterun_change", run.pk) in told(answer)


def test_one_busy_recommender_stops_no_other(as_operator, recommender, make_recommender):
    other = make_recommender(slug="films")
    act(as_operator, "run_full", recommender)
    act(as_operator, "run_full", recommender, other)
    assert other.runs.count() == recommender.runs.count() == 1


def test_a_paused_recommender_has_no_policy_that_fires(as_operator, recommender, daily, hourly):
    answer = act(as_operator, "pause", recommender)
    assert not recommender.policies.filter(enabled=True).exists()
    assert "news is paused: daily, hourly." in told(answer)


def test_who_paused_is_in_the_history_of_each_policy(as_operator, operator, recommender, daily):
    act(as_operator, "pause", recommender)
    newest = daily.history.first()
    assert (newest.history_user, newest.enabled) == (operator, False)


def test_resuming_begins_in_the_future(as_operator, recommender, hourly):
    act(as_operator, "pause", recommender)
    recommender.policies.update(next_due_at=NOON)
    act(as_operator, "resume", recommender)
    hourly.refresh_from_db()
    assert hourly.enabled
    assert hourly.next_due_at > timezone.now()


def test_a_policy_that_was_off_before_the_pause_stays_off(as_operator, recommender, daily, hourly):
    from updates.flows.pause import pause

    pause(daily)
    act(as_operator, "pause", recommender)
    answer = act(as_operator, "resume", recommender)
    on = recommender.policies.filter(enabled=True).values_list("name", flat=True)
    assert list(on) == ["hourly"]
    assert "Still off, as paused by themselves: daily." in told(answer)


def test_resuming_lifts_the_hold_of_a_roll_back(as_operator, recommender, daily):
    recommender.policies.update(hold_reason="Rolled back to v1: bad labels")
    answer = act(as_operator, "resume", recommender)
    daily.refresh_from_db()
    assert daily.active
    assert "news is resumed: daily." in told(answer)


def test_nothing_to_pause_or_resume_is_said(as_operator, recommender):
    assert "no policy was on" in told(act(as_operator, "pause", recommender))
    assert "no policy was paused" in told(act(as_operator, "resume", recommender))


def test_an_action_on_the_page_comes_back_to_it(as_operator, recommender):
    answer = act(as_operator, "pause", recommender, _back="1")
    assert answer.url == address("recommender_change", recommender.pk)


def test_the_page_has_a_button_for_each_action(as_operator, recommender):
    page = as_operator.get(address("recommender_change", recommender.pk)).content.decode()
    for action in ("run_full", "run_incremental", "pause", "resume"):
        assert f'name="action" value="{action}"' in page
    assert address("recommender_roll_back", recommender.pk) in page


def test_a_viewer_is_offered_no_action_and_can_force_none(as_viewer, recommender, hourly):
    page = as_viewer.get(address("recommender_changelist")).content.decode()
    assert 'name="action"' not in page
    for action in ("run_full", "run_incremental", "pause", "resume", "roll_back"):
        act(as_viewer, action, recommender)
    hourly.refresh_from_db()
    assert hourly.enabled
    assert not UpdateRun.objects.exists()


def test_an_admin_deletes_a_recommender_with_all_its_history(
    as_admin, recommender, make_version, valkey
):
    make_version()
    make_version()
    delete = address("recommender_delete", recommender.pk)
    assert "its 2 versions" in as_admin.get(delete).content.decode()
    as_admin.post(delete, {"post": "yes"})
    assert not Recommender.objects.exists()


def test_a_recommender_that_is_updating_is_not_deleted(as_admin, recommender, valkey):
    run = recommender.runs.create(strategy="full", components=["weights"])
    answer = as_admin.post(address("recommender_delete", recommender.pk), {"post": "yes"})
    assert f"Run {run.pk} is queued; cancel it first." in told(answer)
    assert Recommender.objects.exists()


def test_recommenders_are_not_deleted_in_bulk(as_admin, recommender):
    act(as_admin, "delete_selected", recommender, post="yes")
    assert Recommender.objects.exists()
