"""Promotions and roll-backs in front of two web processes under load.

No request fails, no answer mixes two versions, and every process is through within a second.
"""

import http.client
import json
import threading
from contextlib import contextmanager

import pytest

from tests.api_client import Answer
from tests.conftest import wait_until
from tests.faults.recommender import ROWS, STACK, Driven
from updates.models import Deployment, ServingReport

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

CLIENTS, SWAPS, WEB_PROCESSES = 3, 8, 2
SWAP_SECONDS = 1.0


def test_swaps_under_load_fail_no_request_mix_no_answer_and_take_less_than_a_second(stack, api):
    recommender = Driven(api, "swapped")
    expected = {number: own_scores(recommender, number) for number in (1, 2)}
    with asking(recommender) as answers:
        reached = [swap(recommender, to) for to in (1, 2) * (SWAPS // 2)]

    assert [answer for answer in answers if answer.status != 200] == []
    scores = [json.loads(answer.body) for answer in answers]
    assert all(answer["scores"] == expected[answer["version"]] for answer in scores)
    seconds = sorted(second for swap in reached for second in swap)
    print(f"{len(answers)} answers; swap of a process: {seconds[0]:.2f} to {seconds[-1]:.2f} s")
    assert seconds[-1] < SWAP_SECONDS


def own_scores(recommender, number):
    """What the version answers to ROWS, once it is made and serves."""
    recommender.append(2_000)
    assert recommender.update()["number"] == number
    return wait_until(lambda: (a := recommender.score())["version"] == number and a["scores"])


@contextmanager
def asking(recommender):
    """Clients score without pause; half of the time on a new connection, so on any process."""
    answers, stop = [], threading.Event()

    def ask():
        with recommender.api.another() as client:
            while not stop.is_set():
                answers.append(score(client, recommender))
                if len(answers) % 2:
                    client.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def score(client, recommender):
    """The answer, or what came instead of one, as an answer of status 0."""
    path, body = f"/api/v1/{recommender.path}/score", json.dumps({"rows": ROWS}).encode()
    try:
        return client.request("POST", path, body, {"Content-Type": "application/json"})
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, http.client.HTTPMessage(), repr(error).encode())


def swap(recommender, to):
    """Roll back to 1 or promote 2; seconds until each web process served the version."""
    if to == 1:
        recommender.api.call("POST", f"{recommender.path}/rollback", {"to": to, "reason": "swap"})
    else:
        path = f"{recommender.path}/versions/{to}/promote"
        recommender.api.call("POST", path, {"reason": "swap"})
    mine = {"recommender__slug": recommender.slug}
    began = Deployment.objects.using(STACK).get(ended_at=None, **mine).started_at
    reports = ServingReport.objects.using(STACK).filter(
        served__number=to, reported_at__gte=began, **mine
    )
    wait_until(lambda: reports.count() == WEB_PROCESSES, 10, "a web process lags")
    return [(report.reported_at - began).total_seconds() for report in reports]
