"""What pages say of a version on trial, and how a person begins and ends one."""

import pytest

from tests.monitoring.conftest import text
from tests.updates.flows.canaries import judged, make_trying
from updates.models import Canary

PAGE = "/recommenders/news/"
BODY = {"share": "0.05", "seconds": "600", "reason": "the data is right"}


@pytest.fixture
def canary(recommender, live, append, update):
    """Version 2 on trial by its run, judged on 500 samples so far."""
    append(recommender, 1000)
    run = update(recommender, make_trying(recommender))
    canary = Canary.objects.get(run=run)
    append(recommender, 500)
    Canary.objects.filter(pk=canary.pk).update(
        scored_requests=1234, scored_rows=5000, scored_users=77
    )
    return judged(canary)


def messages(client, response):
    return text(client.get(response["Location"]))


def test_the_recommender_says_what_is_on_trial_for_whom_and_how_it_does(as_viewer, canary):
    words = text(as_viewer.get(PAGE))
    assert "Version 2 is on trial" in words
    assert "Answers" in words
    assert "20.0 % of the users" in words
    assert "of 10 min" in words
    assert "1,234 requests 5,000 rows, 77 users" in words
    assert "500 samples" in words
    assert "Compared with v1" in words
    assert "End it…" not in words


def test_with_nothing_on_trial_it_says_nothing_of_it(as_viewer, live):
    assert 'id="on-trial"' not in as_viewer.get(PAGE).content.decode()


def test_the_run_says_that_its_version_is_on_trial(as_viewer, canary):
    page = as_viewer.get(f"/runs/{canary.run_id}/")
    assert "Version 2 is on trial" in text(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()


def test_an_operator_ends_it_on_the_page_of_its_version(as_operator, canary, recommender):
    page = f"{PAGE}versions/2/"
    words = text(as_operator.get(page))
    assert "running answering 20.0 % of the users" in words
    assert "So far 1,234 requests were answered and 500 samples judged it" in words
    assert "Promote it now End without promotion" in words
    as_operator.post(f"{page}canary/end/", {"promote": "no", "reason": "not on a Friday"})
    canary.refresh_from_db()
    assert canary.state == "cancelled"
    words = text(as_operator.get(page))
    assert "Its canary was ended without promotion: Not on a Friday." in words
    assert "Ended by operator." in words


def test_an_operator_promotes_it_early(as_operator, canary, recommender):
    end = f"{PAGE}versions/2/canary/end/"
    as_operator.post(end, {"promote": "yes", "reason": "it is fine"})
    recommender.refresh_from_db()
    assert recommender.live_version.number == 2


def test_an_operator_tries_a_version_again(as_operator, canary):
    page = f"{PAGE}versions/2/"
    as_operator.post(f"{page}canary/end/", {"promote": "no", "reason": "not on a Friday"})
    assert "Put on trial" in text(as_operator.get(page))
    answer = as_operator.post(f"{page}canary/", BODY)
    assert answer["Location"] == PAGE
    begun = Canary.objects.first()
    assert (begun.state, begun.share, begun.reason) == ("running", 0.05, "the data is right")
    assert "Begun by operator: the data is right" in text(as_operator.get(PAGE))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"share": "0.6"}, "Share: Must be from 0 to 0.5 as a share."),
        ({"seconds": "5"}, "Seconds: Must be from 10 to 2,592,000 seconds (30 days)."),
        ({"reason": " "}, "Reason: This field is required."),
    ],
)
def test_what_is_wrong_with_it_is_told(wrong, told, as_operator, live):
    answer = as_operator.post(f"{PAGE}versions/1/canary/", BODY | wrong)
    assert told in messages(as_operator, answer)


def test_what_cannot_be_is_told(as_operator, live):
    answer = as_operator.post(f"{PAGE}versions/1/canary/", BODY)
    assert "Version 1 is live." in messages(as_operator, answer)
    answer = as_operator.post(f"{PAGE}versions/1/canary/end/", {"promote": "no", "reason": "x"})
    assert "Version 1 is not on trial." in messages(as_operator, answer)
