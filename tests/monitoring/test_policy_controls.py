"""Cadence in place, pause, resume, run now, lift a hold."""

import pytest

from tests.monitoring.conftest import text
from updates.models import CadenceChange, UpdateRun

HTMX = {"HX-Request": "true"}


@pytest.fixture
def policy(recommender, make_policy):
    return make_policy(recommender)


def address(policy, action=""):
    return f"/recommenders/{policy.recommender.slug}/policies/{policy.name}/{action}"


def change(client, policy, **data):
    return client.post(address(policy, "cadence/"), data, headers=HTMX)


def test_the_form_shows_the_present_cadence(as_operator, policy):
    page = as_operator.get(address(policy, "cadence/"), headers=HTMX).content.decode()
    assert 'value="3600"' in page
    assert '<option value="interval" selected>' in page


def test_saving_changes_it_and_shows_the_receipt(as_operator, operator, policy):
    words = text(change(as_operator, policy, trigger="interval", interval_seconds="60"))
    receipt = CadenceChange.objects.get()
    assert "The cadence is changed by operator" in words
    assert "the edit itself fired nothing" in words
    assert "every 1 min" in words
    for fire in (*receipt.fires_before, *receipt.fires_after):
        assert fire[:19].replace("T", " ") in words
    assert receipt.changed_by == operator


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"trigger": "interval"}, "An interval of at least 1 second is needed."),
        ({"trigger": "interval", "interval_seconds": "0"}, "greater than or equal to 1"),
        ({"trigger": "cron", "cron": "at noon"}, "“at noon” is no cron expression"),
        ({"trigger": "samples"}, "A number of samples of at least 1 is needed."),
        ({"trigger": "never"}, "never is not one of the available choices."),
    ],
)
def test_a_wrong_cadence_is_told_at_its_field_and_changes_nothing(as_operator, policy, data, said):
    assert said in text(change(as_operator, policy, **{"timezone": "UTC"} | data))
    policy.refresh_from_db()
    assert (policy.trigger, policy.interval_seconds) == ("interval", 3600)


def test_a_cadence_without_fires_says_so_in_the_receipt(as_operator, policy):
    words = text(change(as_operator, policy, trigger="manual"))
    assert "it fires by what happens, not by the clock" in words


def test_pause_and_resume(as_operator, policy):
    assert "Policy hourly is paused." in text(
        as_operator.post(address(policy, "pause/"), follow=True)
    )
    policy.refresh_from_db()
    assert not policy.enabled
    as_operator.post(address(policy, "resume/"))
    policy.refresh_from_db()
    assert policy.enabled


def test_run_now_starts_the_policys_update_and_shows_it(as_operator, policy):
    response = as_operator.post(address(policy, "run/"), follow=True)
    run = UpdateRun.objects.get(policy=policy)
    assert response.redirect_chain[-1][0] == f"/runs/{run.pk}/"


def test_run_now_while_another_writes_says_so(as_operator, policy):
    as_operator.post(address(policy, "run/"))
    assert "is already updating" in text(as_operator.post(address(policy, "run/"), follow=True))


def test_a_hold_is_shown_and_can_be_lifted(as_operator, policy):
    policy.hold_reason = "Rolled back to v1: bad clicks"
    policy.save(update_fields=["hold_reason"])
    page = as_operator.get(f"/recommenders/{policy.recommender.slug}/")
    assert "Held: Rolled back to v1: bad clicks" in text(page)
    as_operator.post(address(policy, "lift-hold/"))
    policy.refresh_from_db()
    assert policy.active


@pytest.mark.parametrize("action", ["cadence/", "pause/", "resume/", "run/", "lift-hold/"])
def test_a_viewer_may_do_none_of_it(as_viewer, policy, action):
    assert as_viewer.post(address(policy, action)).status_code == 403
    policy.refresh_from_db()
    assert policy.enabled
    assert not UpdateRun.objects.exists()


def test_a_viewer_may_see_the_policy(as_viewer, policy):
    assert "every 1 h" in text(as_viewer.get(address(policy)))


def test_an_unknown_policy_is_not_found(as_operator, policy):
    url = address(policy).replace("hourly", "daily")
    assert as_operator.get(url).status_code == 404
