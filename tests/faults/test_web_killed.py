"""kill -9 of gunicorn and all its processes while clients append."""

import pytest

from tests.faults.clients import appending, nothing_is_lost_or_doubled
from tests.faults.recommender import Driven

pytestmark = pytest.mark.faults


def test_what_clients_were_answered_is_in_the_log_once_and_nothing_else(stack, api):
    Driven(api, "web-killed")
    with appending(api, "web-killed") as appends:
        for _ in range(3):
            appends.wait_for_more(30)
            stack.kill("web")
            stack.start("web")
        appends.wait_for_more(30)
    assert appends.retries
    nothing_is_lost_or_doubled(stack, "web-killed", appends)
