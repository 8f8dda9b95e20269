"""What an operator does to policies from their list."""

import pytest

from tests.updates.admin.conftest import address, told
from updates.models import UpdatePolicy, UpdateRun


def act(client, action, *policies):
    chosen = {"action": action, "_selected_action": [policy.pk for policy in policies]}
    return client.post(address("updatepolicy_changelist"), chosen)


def test_a_policy_is_run_without_waiting_for_its_time(as_operator, operator, daily):
    answer = act(as_operator, "run_now", daily)
    run = UpdateRun.objects.get()
    assert (run.policy, run.requested_by, run.due_at) == (daily, operator, None)
    assert address("updaterun_change", run.pk) in told(answer)


def test_policies_that_want_the_same_component_do_not_run_both(as_operator, daily, hourly):
    answer = act(as_operator, "run_now", daily, hourly)
    assert UpdateRun.objects.count() == 1
    assert "is already updating weights" in told(answer)


def test_policies_are_paused_and_resumed(as_operator, operator, daily, hourly):
    act(as_operator, "pause", daily, hourly)
    assert not UpdatePolicy.objects.filter(enabled=True).exists()
    answer = act(as_operator, "resume", hourly)
    assert UpdatePolicy.objects.get(enabled=True) == hourly
    assert hourly.history.first().history_user == operator
    assert "news/hourly fires again." in told(answer)


def test_resuming_a_held_policy_says_that_the_hold_remains(as_operator, daily):
    UpdatePolicy.objects.update(enabled=False, hold_reason="Rolled back to v1: bad labels")
    said = told(act(as_operator, "resume", daily))
    assert "fires again once its hold is lifted (Rolled back to v1: bad labels)." in said


def test_a_hold_is_lifted_and_who_did_is_recorded(as_operator, operator, daily):
    UpdatePolicy.objects.update(hold_reason="Rolled back to v1: bad labels")
    act(as_operator, "lift_hold", daily)
    daily.refresh_from_db()
    assert daily.active
    newest = daily.history.first()
    assert (newest.history_user, newest.history_change_reason) == (operator, "hold lifted")


def test_lifting_a_hold_that_is_not_there_is_said(as_operator, daily):
    assert "was not held" in told(act(as_operator, "lift_hold", daily))


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "on"),
        ({"enabled": False}, "paused"),
        ({"hold_reason": "Rolled back to v1: bad labels"}, "held: Rolled back to v1"),
    ],
)
def test_the_list_says_how_a_policy_stands(as_viewer, daily, changed, state):
    UpdatePolicy.objects.update(name="daily", **changed)
    page = as_viewer.get(address("updatepolicy_changelist")).content.decode()
    assert f'<td class="field-state">{state}' in page
    assert "at 03:00 (Europe/Berlin)" in page


def test_a_viewer_can_force_no_action(as_viewer, daily):
    for action in ("run_now", "pause", "resume", "lift_hold", "delete_selected"):
        act(as_viewer, action, daily)
    daily.refresh_from_db()
    assert daily.enabled
    assert not UpdateRun.objects.exists()
