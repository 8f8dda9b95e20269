"""Creating and changing a policy: fields by purpose, help where they don't apply, each change
through its flow."""

import pytest

from tests.updates.admin.conftest import address, errors, policy_data, told
from updates.admin.shown import moment
from updates.models import CadenceChange, UpdatePolicy
from updates.samples.log import LogUnavailable, SampleLog


@pytest.fixture
def add_page(recommender):
    return address("updatepolicy_add", recommender=recommender.pk)


def change_page(policy):
    return address("updatepolicy_change", policy.pk)


def test_an_admin_creates_a_policy_and_it_fires_nothing_yet(as_admin, add_page, recommender):
    answer = as_admin.post(add_page, policy_data())
    created = recommender.policies.get()
    assert created.next_due_at is not None
    assert not recommender.runs.exists()
    assert f"It fires every 1 h, first on {moment(created.next_due_at)}." in told(answer)


def test_which_recommender_is_asked_first(as_admin, recommender, make_recommender):
    other = make_recommender(slug="films", learner="gbdt")
    page = as_admin.get(address("updatepolicy_add")).content.decode()
    for each in (recommender, other):
        assert f'href="?recommender={each.pk}"' in page


@pytest.mark.parametrize("chosen", ["", "none", "99"])
def test_a_recommender_that_is_not_there_is_asked_for_again(as_admin, recommender, chosen):
    answer = as_admin.post(address("updatepolicy_add", recommender=chosen), policy_data())
    assert "for which recommender?" in answer.content.decode()
    assert not UpdatePolicy.objects.exists()


def test_without_a_recommender_one_is_asked_for(as_admin):
    page = as_admin.get(address("updatepolicy_add")).content.decode()
    assert address("recommender_add") in page


@pytest.mark.parametrize("learner", ["sparse_linear", "gbdt", "gbdt_lr"])
def test_components_offered_are_exactly_those_of_the_learner(as_admin, make_recommender, learner):
    recommender = make_recommender(learner=learner)
    page = as_admin.get(address("updatepolicy_add", recommender=recommender.pk))
    choices = page.context["adminform"].form.fields["components"].choices
    assert [name for name, _ in choices] == list(recommender.learner_class.components)


def test_a_component_of_another_learner_is_refused(as_admin, add_page):
    problems = errors(as_admin.post(add_page, policy_data(components=["trees"])))
    assert "trees is not one of the available choices" in problems["components"][0]


@pytest.mark.parametrize("learner", ["gbdt", "gbdt_lr"])
def test_a_learner_that_counts_its_samples_replays_none(as_admin, make_recommender, learner):
    recommender = make_recommender(learner=learner)
    page = address("updatepolicy_add", recommender=recommender.pk)
    data = policy_data(recommender=recommender.pk, strategy="incremental", replay_fraction="0.5")
    problems = errors(as_admin.post(page, data))
    assert f"{learner} would count replayed samples twice" in problems["replay_fraction"][0]


def test_chosen_components_are_stored(as_admin, add_page, recommender):
    as_admin.post(add_page, policy_data(components=["weights"]))
    assert recommender.policies.get().components == ["weights"]


def test_the_recommender_of_the_address_wins_over_that_of_the_form(
    as_admin, add_page, recommender, make_recommender
):
    other = make_recommender(slug="films")
    as_admin.post(add_page, policy_data(recommender=other.pk))
    assert recommender.policies.exists()
    assert not other.policies.exists()


def test_fields_are_grouped_by_what_they_are_for(as_admin, daily):
    fieldsets = as_admin.get(change_page(daily)).context["adminform"]
    names = [fieldset.name for fieldset in fieldsets]
    assert names == [
        "What",
        "When",
        "Online",
        "Devices",
        "From which data",
        "Guardrails",
        "Canary",
        "How it stands",
    ]


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"interval_seconds": ""}, "interval_seconds", "at least 1 second is needed"),
        ({"interval_seconds": "0"}, "interval_seconds", "Must be from 1 to 31,622,400 seconds"),
        ({"every_samples": "1" + 15 * "0"}, "every_samples", "to 1,000,000,000,000 samples."),
        ({"trigger": "samples"}, "every_samples", "at least 1 is needed"),
        ({"trigger": "cron"}, "cron", "“” is no cron expression"),
        ({"trigger": "cron", "cron": "61 * * * *"}, "cron", "“61 * * * *” is no cron expression"),
        ({"trigger": "cron", "cron": "0 0 31 2 *"}, "cron", "“0 0 31 2 *”"),
        ({"timezone": "Mars/Olympus"}, "timezone", "Mars/Olympus is not one of the available"),
        ({"trigger": "moon"}, "trigger", "moon is not one of the available choices"),
        ({"window_seconds": "0"}, "window_seconds", "Must be from 1 to 1,581,120,000 seconds"),
        ({"sync_interval_ms": "5"}, "sync_interval_ms", "Must be from 10 to 60,000 milliseconds"),
        ({"replay_fraction": "-1"}, "replay_fraction", "greater than or equal to 0"),
        ({"min_calibration": "3"}, "max_calibration", "Must be above min_calibration (3.0)."),
        ({"name": ""}, "name", "This field is required."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(as_admin, add_page, changed, field, said):
    problems = errors(as_admin.post(add_page, policy_data(**changed)))
    assert list(problems) == [field]
    assert said in problems[field][0]


def test_a_name_is_used_once_a_recommender(as_admin, add_page, hourly):
    problems = errors(as_admin.post(add_page, policy_data()))
    assert "already exists" in problems["__all__"][0]


def test_a_changed_cadence_shows_its_receipt(as_admin, admin_user, hourly):
    answer = as_admin.post(change_page(hourly), policy_data(interval_seconds="60"))
    receipt = CadenceChange.objects.get()
    said = told(answer)
    assert receipt.changed_by == admin_user
    assert "fires every 1 min; it fired every 1 h." in said
    assert "No fire was due, so none was lost or doubled." in said
    assert said.count("<tr>") == 1 + 10


def test_a_fire_that_was_due_is_run_and_linked_in_the_receipt(
    as_admin, recommender, daily, append_rows
):
    append_rows(recommender)
    due_at = daily.next_due_at.replace(year=2020)
    UpdatePolicy.objects.update(next_due_at=due_at)
    answer = as_admin.post(change_page(daily), policy_data(strategy="full", name="daily"))
    run = recommender.runs.get()
    assert run.due_at == due_at
    assert address("updaterun_change", run.pk) in told(answer)


def test_a_sample_log_that_does_not_answer_is_told_and_nothing_is_saved(
    as_admin, hourly, monkeypatch
):
    def fail(log):
        raise LogUnavailable("no answer")

    monkeypatch.setattr(SampleLog, "head", fail)
    data = policy_data(trigger="samples", every_samples="100", min_samples="5")
    answer = as_admin.post(change_page(hourly), data)
    hourly.refresh_from_db()
    assert (hourly.trigger, hourly.min_samples) == ("interval", 1)
    assert "The sample log does not answer: nothing was saved." in told(answer)


def test_what_is_no_cadence_makes_no_receipt(as_admin, hourly):
    as_admin.post(change_page(hourly), policy_data(min_samples="5"))
    hourly.refresh_from_db()
    assert hourly.min_samples == 5
    assert not CadenceChange.objects.exists()


def test_saving_does_not_undo_a_fire_claimed_meanwhile(as_admin, hourly, monkeypatch):
    from updates.admin.policy import UpdatePolicyAdmin

    save, later = UpdatePolicyAdmin.save_model, hourly.next_due_at.replace(year=2030)

    def claim_first(*args, **kwargs):
        UpdatePolicy.objects.update(next_due_at=later, hold_reason="Rolled back")
        save(*args, **kwargs)

    monkeypatch.setattr(UpdatePolicyAdmin, "save_model", claim_first)
    as_admin.post(change_page(hourly), policy_data(min_samples="5"))
    hourly.refresh_from_db()
    assert (hourly.next_due_at, hourly.hold_reason, hourly.min_samples) == (
        later,
        "Rolled back",
        5,
    )


def test_switching_on_again_does_not_make_up_for_what_was_missed(as_admin, hourly):
    UpdatePolicy.objects.update(enabled=False, next_due_at=hourly.next_due_at.replace(year=2020))
    as_admin.post(change_page(hourly), policy_data())
    before = hourly.next_due_at
    hourly.refresh_from_db()
    assert hourly.enabled
    assert hourly.next_due_at >= before


def test_who_changed_it_is_in_its_history(as_operator, operator, hourly):
    as_operator.post(change_page(hourly), policy_data(interval_seconds="60"))
    assert hourly.history.first().history_user == operator
    page = as_operator.get(address("updatepolicy_history", hourly.pk)).content.decode()
    assert "operator" in page
    assert "3600 → 60" in page


def test_history_is_read_and_not_written(as_admin, hourly):
    entry = hourly.history.first()
    page = address("updatepolicy_simple_history", hourly.pk, entry.pk)
    assert as_admin.get(page).status_code == 200
    assert as_admin.post(page, policy_data(name="other")).status_code == 403
    hourly.refresh_from_db()
    assert hourly.name == "hourly"


def test_a_window_shorter_than_the_cadence_is_questioned_after_saving(as_admin, add_page):
    data = policy_data(strategy="full", interval_seconds="86400", window_seconds="3600")
    said = told(as_admin.post(add_page, data))
    assert "The window covers 1 h of a 24 h cadence: 23 h of samples are never trained on" in said


def test_an_operator_changes_when_it_fires_and_nothing_else(as_operator, daily):
    data = policy_data(name="other", interval_seconds="60", min_samples="7", strategy="full")
    as_operator.post(change_page(daily), data)
    daily.refresh_from_db()
    assert (daily.trigger, daily.interval_seconds) == ("interval", 60)
    assert (daily.name, daily.min_samples, daily.window_seconds) == ("daily", 1, 7 * 86_400)


def test_a_policy_is_deleted_with_its_receipts_but_not_its_runs(as_admin, recommender, hourly):
    recommender.runs.create(strategy="full", components=["weights"], policy=hourly)
    as_admin.post(change_page(hourly), policy_data(interval_seconds="60"))
    as_admin.post(address("updatepolicy_delete", hourly.pk), {"post": "yes"})
    assert not UpdatePolicy.objects.exists()
    assert recommender.runs.get().policy is None
