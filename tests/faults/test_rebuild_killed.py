"""kill -9 of the worker that makes a model again without quarantined samples: another does it."""

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import is_in, mend
from tests.faults.test_worker_killed import (
    FIRST,
    SECOND,
    WAITING,
    killed_between_files_and_database,
    killed_in,
    tells_the_story,
    with_a_live_version,
)
from updates.models.lease import LEASE_SECONDS

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

BAD = {
    "selection": {"first_offset": FIRST + 2001, "last_offset": FIRST + 2100},
    "reason": "a broken logger",
}
CASES = {
    "rebuild-learning": killed_in("learn"),
    "rebuild-saving": killed_in("save"),
    "rebuild-publishing": killed_between_files_and_database,
}


@pytest.mark.parametrize("case", CASES)
def test_a_killed_rebuild_is_done_by_another_worker_as_if_nothing_had_been(stack, api, case):
    killed = with_a_live_version(api, case, WAITING)
    killed.update("incremental")
    run = api.call("POST", f"{killed.path}/quarantines", BAD)["run"]
    CASES[case](stack, run)
    mend(stack)
    assert not is_in(run, "promoted")
    assert killed.score()["version"] == 1

    never = with_a_live_version(api, f"{case}-never", WAITING)
    api.call("POST", f"{never.path}/quarantines", BAD)
    expected = never.update("incremental")
    version = killed.promoted(run, seconds=LEASE_SECONDS + 45)

    assert version["digest"] == expected["digest"]
    assert version["learned_ranges"] == [
        {"first_offset": 1, "last_offset": FIRST + 2000},
        {"first_offset": FIRST + 2101, "last_offset": FIRST + SECOND},
    ]
    wait_until(lambda: killed.score()["version"] == version["number"])
    tells_the_story(killed.run(run))
