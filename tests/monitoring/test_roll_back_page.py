"""Rolling back and promoting from the pages."""

import pytest

from tests.monitoring.conftest import text


@pytest.fixture
def two(live, append, update):
    """The first version, no longer live; the second is."""
    append(live.recommender, 500)
    run = update(live.recommender, "incremental")
    live.refresh_from_db()
    assert live.state == "retired", run.error
    return live


def roll_back(client, version, **data):
    slug = version.recommender.slug
    data = {"to": version.number, "reason": "bad clicks"} | data
    return client.post(f"/recommenders/{slug}/rollback/", data, follow=True)


def live_number(version):
    version.recommender.refresh_from_db()
    return version.recommender.live_version.number


def test_it_makes_the_earlier_version_live_with_its_reason(as_operator, operator, two):
    words = text(roll_back(as_operator, two))
    assert "Rolled back by operator: bad clicks" in words
    assert live_number(two) == 1


def test_with_hold_the_policies_are_held(as_operator, two, make_policy):
    policy = make_policy(two.recommender)
    assert "Held: Rolled back to v1: bad clicks" in text(roll_back(as_operator, two, hold="on"))
    policy.refresh_from_db()
    assert not policy.active


def test_a_hold_can_end_by_itself(as_operator, two, make_policy):
    policy = make_policy(two.recommender)
    words = text(roll_back(as_operator, two, hold="on", hold_seconds=3600))
    assert "Held until" in words
    policy.refresh_from_db()
    assert policy.hold_until is not None


def test_a_time_to_hold_for_means_nothing_without_a_hold(as_operator, two, make_policy):
    policy = make_policy(two.recommender)
    roll_back(as_operator, two, hold_seconds=3600)
    policy.refresh_from_db()
    assert policy.active
    assert live_number(two) == 1


def test_what_it_takes_back_is_told_before(as_operator, two):
    slug = two.recommender.slug
    words = text(as_operator.get(f"/recommenders/{slug}/versions/{two.number}/roll-back-cost/"))
    assert "Samples given up 500" in words
    assert "0 requests, 0 rows" in words
    assert "too few samples" in words


def test_without_a_reason_nothing_moves(as_operator, two):
    assert "Reason: This field is required." in text(roll_back(as_operator, two, reason=""))
    assert live_number(two) == 2


def test_to_a_version_that_does_not_exist_nothing_moves(as_operator, two):
    assert "There is no such version." in text(roll_back(as_operator, two, to=99))
    assert live_number(two) == 2


def test_to_a_corrupted_version_nothing_moves_and_the_page_says_so(as_operator, two, settings):
    folder = settings.RECADMIN_DATA / "artifacts" / two.digest[:2] / two.digest
    next(folder.glob("*.safetensors")).write_bytes(b"rotten")
    assert "checksum mismatch" in text(roll_back(as_operator, two))
    assert live_number(two) == 2


def test_a_viewer_may_not(as_viewer, two):
    assert roll_back(as_viewer, two).status_code == 403
    assert live_number(two) == 2


def test_promoting_by_hand_needs_a_reason(as_operator, two):
    url = f"/recommenders/{two.recommender.slug}/versions/1/promote/"
    assert "Reason: say why" in text(as_operator.post(url, {"reason": " "}, follow=True))
    assert live_number(two) == 2
    assert "Promoted by operator: mine" in text(
        as_operator.post(url, {"reason": "mine"}, follow=True)
    )
    assert live_number(two) == 1


def test_a_viewer_may_not_promote(as_viewer, two):
    url = f"/recommenders/{two.recommender.slug}/versions/1/promote/"
    assert as_viewer.post(url, {"reason": "mine"}).status_code == 403
