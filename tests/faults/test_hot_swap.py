"""A promotion in front of two web processes under load: no failed request, no mixed answer."""

import threading
import time

import pytest

from tests.faults.recommender import ROWS, Driven

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

SWAPS = 6
SWAP_SECONDS = 1.0


def test_every_answer_is_one_version_s_own_and_swaps_take_less_than_a_second(stack, api):
    recommender = Driven(api, "swapped")
    expected = {}
    for samples in (2_000, 2_000):
        recommender.append(samples)
        number = recommender.update()["number"]
        expected[number] = _settled(recommender, number)

    answers, failures, stop = [], [], threading.Event()
    asking = [
        threading.Thread(target=_ask, args=(recommender, answers, failures, stop)) for _ in range(3)
    ]
    [thread.start() for thread in asking]
    late = [_swap(recommender, to, answers) for to in (1, 2) * (SWAPS // 2)]
    stop.set()
    [thread.join() for thread in asking]

    assert not failures
    assert len(answers) > 50
    assert all(scores == expected[version] for _, version, scores in answers)
    assert max(late) < SWAP_SECONDS, late


def _settled(recommender, number):
    """The version's scores, once it is the one that answers."""
    deadline = time.monotonic() + 5
    while (answer := recommender.score())["version"] != number:
        assert time.monotonic() < deadline
    return answer["scores"]


def _ask(recommender, answers, failures, stop):
    client = recommender.api.another()
    while not stop.is_set():
        sent = time.monotonic()
        try:
            answer = client.call("POST", f"{recommender.path}/score", {"rows": ROWS})
        except Exception as error:
            failures.append(error)
        else:
            answers.append((sent, answer["version"], answer["scores"]))


def _swap(recommender, to, answers):
    """Roll back or forth; seconds until the last request that still got the old version."""
    recommender.api.call("POST", f"{recommender.path}/rollback", {"to": to, "reason": "swap"})
    swapped = time.monotonic()
    deadline = swapped + 2 * SWAP_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.01)
    return max((sent - swapped for sent, version, _ in answers if version != to), default=0.0)
