"""Rolling back: a page that asks to what, why, and whether to hold."""

import pytest

from tests.updates.admin.conftest import address, told
from updates.models import Deployment
from updates.store import artifacts


@pytest.fixture
def versions(make_version):
    """Three versions that went live one after the other; the last one is."""
    return [make_version() for _ in range(3)]


def page_of(recommender):
    return address("recommender_roll_back", recommender.pk)


def test_the_action_leads_to_the_page(as_operator, recommender, versions):
    chosen = {"action": "roll_back", "_selected_action": [recommender.pk]}
    answer = as_operator.post(address("recommender_changelist"), chosen)
    assert answer.url == page_of(recommender)


def test_only_one_recommender_is_rolled_back_at_a_time(as_operator, recommender, make_recommender):
    both = [recommender.pk, make_recommender(slug="films").pk]
    chosen = {"action": "roll_back", "_selected_action": both}
    answer = as_operator.post(address("recommender_changelist"), chosen)
    assert "Select one recommender" in told(answer)


def test_versions_that_were_live_are_offered_newest_first(as_operator, recommender, versions):
    form = as_operator.get(page_of(recommender)).context["form"]
    assert list(form.fields["to"].queryset) == [versions[1], versions[0]]
    label = form.fields["to"].label_from_instance(versions[0])
    assert label.startswith("v1, live until ")
    assert label.endswith("UTC, NE 0.9000 when it was judged")


def test_a_pruned_or_quarantined_version_is_not_offered(as_operator, recommender, versions):
    versions[0].pruned_at = versions[0].created_at
    versions[0].save(update_fields=["pruned_at"])
    versions[1].move("quarantined", "poisoned")
    page = as_operator.get(page_of(recommender)).content.decode()
    assert "There is no version to go back to" in page


def test_the_earlier_version_becomes_live_and_the_policies_are_held(
    as_operator, operator, recommender, versions, hourly
):
    data = {"to": versions[0].pk, "reason": "clicks counted twice", "hold": "on"}
    answer = as_operator.post(page_of(recommender), data)
    recommender.refresh_from_db()
    hourly.refresh_from_db()
    assert recommender.live_version == versions[0]
    assert hourly.hold_reason == "Rolled back to v1: clicks counted twice"
    assert Deployment.objects.get(ended_at=None).moved_by == operator
    assert "news v1</a> is live again. Its policies are held." in told(answer)


def test_without_a_hold_the_policies_go_on(as_operator, recommender, versions, hourly):
    as_operator.post(page_of(recommender), {"to": versions[0].pk, "reason": "a try"})
    hourly.refresh_from_db()
    assert hourly.active


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_reason_must_be_given(as_operator, recommender, versions, reason):
    answer = as_operator.post(page_of(recommender), {"to": versions[0].pk, "reason": reason})
    assert answer.context["form"].errors["reason"] == ["This field is required."]
    assert Deployment.objects.count() == 3


def test_the_live_version_is_no_choice(as_operator, recommender, versions):
    data = {"to": versions[2].pk, "reason": "a try"}
    answer = as_operator.post(page_of(recommender), data)
    assert "not one of the available choices" in answer.context["form"].errors["to"][0]


def test_a_damaged_artifact_is_refused_and_nothing_moves(as_operator, recommender, versions):
    (artifacts().folder(versions[0].digest) / "model.txt").write_text("damaged")
    data = {"to": versions[0].pk, "reason": "a try"}
    answer = as_operator.post(page_of(recommender), data)
    problem = answer.context["form"].errors["to"][0]
    assert "checksum mismatch in model.txt. Nothing was changed." in problem
    recommender.refresh_from_db()
    assert recommender.live_version == versions[2]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_viewer_may_not_roll_back(as_viewer, recommender, versions, method):
    assert getattr(as_viewer, method)(page_of(recommender)).status_code == 403


def test_a_recommender_that_does_not_exist_is_not_found(as_operator):
    assert as_operator.get(address("recommender_roll_back", 99)).status_code == 404
