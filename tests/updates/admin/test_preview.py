"""What a cadence would mean, before it is saved."""

import pytest
import time_machine

from tests.updates.admin.conftest import NOON, address, policy_data
from updates.models import CadenceChange, UpdatePolicy

AJAX = {"X-Requested-With": "XMLHttpRequest"}


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


def preview(client, policy=None, **changed):
    name = "updatepolicy_preview_of" if policy else "updatepolicy_preview"
    page = address(name, *([policy.pk] if policy else []))
    return client.post(page, policy_data(**changed), headers=AJAX)


def test_a_cron_expression_is_said_in_words(as_admin):
    page = preview(as_admin, trigger="cron", cron="0 3 * * 1-5", timezone="Europe/Berlin")
    words = "at 03:00, Monday through Friday (Europe/Berlin)"
    assert f"It fires <strong>{words}</strong>." in page.content.decode()


def test_ten_fires_are_shown_in_both_time_zones_across_the_change_of_clocks(as_admin):
    answer = preview(as_admin, trigger="cron", cron="0 12 * * 0", timezone="Europe/Berlin")
    assert answer.context["fires"][:4] == [
        ("Sun 08 Mar 2026 12:00:00 CET", "Sun 08 Mar 2026 11:00:00 UTC"),
        ("Sun 15 Mar 2026 12:00:00 CET", "Sun 15 Mar 2026 11:00:00 UTC"),
        ("Sun 22 Mar 2026 12:00:00 CET", "Sun 22 Mar 2026 11:00:00 UTC"),
        ("Sun 29 Mar 2026 12:00:00 CEST", "Sun 29 Mar 2026 10:00:00 UTC"),
    ]
    assert answer.content.decode().count("<tr>") == 1 + 10


def test_the_first_fire_of_an_interval_is_one_interval_away(as_admin):
    answer = preview(as_admin, interval_seconds="5400")
    assert answer.context["fires"][0][1] == "Mon 02 Mar 2026 13:30:00 UTC"


def test_what_is_previewed_is_what_the_change_then_does(as_admin, hourly):
    UpdatePolicy.objects.update(last_due_at=NOON.replace(hour=11, minute=50))
    shown = preview(as_admin, hourly, interval_seconds="900").context["preview"].fires
    as_admin.post(address("updatepolicy_change", hourly.pk), policy_data(interval_seconds="900"))
    receipt = CadenceChange.objects.get()
    assert [fire.isoformat() for fire in shown] == [
        fire.replace("Z", "+00:00") for fire in receipt.fires_after
    ]


def test_nothing_is_saved_by_looking(as_admin, hourly):
    before = UpdatePolicy.objects.values().get()
    preview(as_admin, hourly, interval_seconds="60", trigger="cron", cron="* * * * *")
    assert UpdatePolicy.objects.values().get() == before
    assert hourly.history.count() == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"interval_seconds": "21600"}, "every 6 h"),
        ({"trigger": "samples", "every_samples": "10000"}, "every 10,000 new samples"),
        ({"trigger": "staleness"}, "before the freshness objective is missed"),
        (
            {"trigger": "drift", "rest_seconds": "7200"},
            "when a drift alarm begins, at most once in 2 h",
        ),
        ({"trigger": "manual"}, "only when asked"),
    ],
)
def test_every_trigger_is_said_in_words(as_admin, changed, words):
    assert f"It fires <strong>{words}</strong>." in preview(as_admin, **changed).content.decode()


def test_a_trigger_without_a_timetable_says_so(as_admin):
    page = preview(as_admin, trigger="staleness").content.decode()
    assert "It has no timetable" in page


def test_a_field_that_the_trigger_does_not_read_is_named(as_admin):
    page = preview(as_admin, trigger="cron", cron="0 3 * * *").content.decode()
    assert "interval_seconds is set, but trigger cron does not read it." in page


@pytest.mark.parametrize(
    ("changed", "question"),
    [
        (
            {"interval_seconds": "86400", "window_seconds": "3600"},
            "The window covers 1 h of a 24 h cadence: 23 h of samples are never trained on",
        ),
        (
            {"trigger": "cron", "cron": "0 3 * * 1-5", "window_seconds": "86400"},
            "The window covers 24 h of a 72 h cadence: 48 h of samples are never trained on",
        ),
    ],
)
def test_a_window_shorter_than_the_cadence_is_questioned(as_admin, changed, question):
    assert question in preview(as_admin, strategy="full", **changed).content.decode()


@pytest.mark.parametrize(
    "changed",
    [
        {"strategy": "full", "window_seconds": "3600"},
        {"strategy": "full", "window_seconds": ""},
        {"strategy": "incremental", "interval_seconds": "86400", "window_seconds": "60"},
        {"strategy": "full", "trigger": "manual", "window_seconds": "60"},
    ],
)
def test_a_window_that_leaves_nothing_out_is_not_questioned(as_admin, changed):
    assert preview(as_admin, **changed).context["preview"].questions == []


def test_a_mistake_is_said_instead_of_a_preview(as_admin):
    page = preview(as_admin, trigger="cron", cron="soon").content.decode()
    assert "“soon” is no cron expression" in page


def test_a_form_whose_other_fields_are_wrong_is_previewed(as_admin):
    page = preview(as_admin, name="", min_samples="many").content.decode()
    assert "every 1 h" in page


def test_what_an_operator_cannot_change_is_taken_as_stored(as_operator, daily):
    page = address("updatepolicy_preview_of", daily.pk)
    answer = as_operator.post(page, {"cron": "0 3 1 * *"}, headers=AJAX)
    assert "The window covers 7 d" in answer.context["preview"].questions[0]


def test_without_a_script_it_is_a_page(as_admin):
    answer = as_admin.post(address("updatepolicy_preview"), policy_data())
    page = answer.content.decode()
    assert "<title>Preview of a cadence" in page
    assert "Nothing was saved." in page


def test_a_held_policy_is_said_to_be_held(as_admin, hourly):
    UpdatePolicy.objects.update(hold_reason="Rolled back to v1: bad labels")
    assert "It is held now: Rolled back to v1" in preview(as_admin, hourly).content.decode()


def test_who_has_no_role_sees_no_preview(as_outsider):
    assert preview(as_outsider).status_code == 302


def test_it_is_asked_by_post_only(as_admin):
    assert as_admin.get(address("updatepolicy_preview")).status_code == 405
