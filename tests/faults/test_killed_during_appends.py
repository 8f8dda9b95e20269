"""kill -9 of what stands between clients and the log, while they append."""

import pytest

from tests.faults.clients import appending, nothing_is_lost_or_doubled
from tests.faults.recommender import Driven

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize("killed", ["valkey", "web"])
def test_what_clients_were_answered_is_in_the_log_once_and_nothing_else(stack, api, killed):
    slug = f"{killed}-killed"
    Driven(api, slug)
    with appending(api, slug) as appends:
        for _ in range(3):
            appends.wait_for_more(30)
            stack.kill(killed)
            stack.start(killed)
        appends.wait_for_more(30)
    if killed == "web":
        assert appends.retries
    nothing_is_lost_or_doubled(stack, slug, appends)
