"""New trees under a regression that learns online: how long the swap takes, and what is felt."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, percentiles_ms, spread
from tests.benchmarks.online_http import score
from tests.benchmarks.served import NDJSON, fill, finished, send, served, update

ROWS = 500  # of a request
POLICY = {"name": "always", "strategy": "online", "version_every_minutes": 60}
TREES = {"strategy": "local", "components": ["trees"]}
PATH = "recommenders/clicks"
CANDIDATES = 100
WITHIN_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """One answer to a score: begun and answered at (epoch seconds), by which model."""

    began: float
    ended: float
    version: int
    offset: int


def tables(
    history: int = 50_000, rate: float = 2_000.0, swaps: int = 5, trees: int = 100
) -> Iterator[Table]:
    """All processes of an installation on one machine."""
    clicks = simulate(history)
    rows = []
    with served(learner="gbdt_lr", options={"num_trees": trees, "num_threads": 1}) as (_, api):
        fill(api, clicks.batches(10_000))
        update(api, "full")
        api.call("POST", f"{PATH}/policies", POLICY)
        with _load(api, clicks, rate), _asking(api, clicks) as answers:
            _wait(answers, lambda answer: answer.offset > history)
            for _ in range(swaps):
                rows.append(_swap(api, answers))
        felt = [answer.ended - answer.began for answer in list(answers)]
    yield Table(
        "Swap: new trees and their regression, under online learning",
        [{"measured": name, "min / median / max": _spread(rows, name)} for name in rows[0]],
        f"{swaps} tree updates on {history:,} samples and more, {trees} trees; {rate:,.0f} "
        "samples/s are sent and learned all the while. A client scores "
        f"{CANDIDATES} candidates without pause. Swap: from the promotion's transaction to the "
        "first answer by the new trees. Learning stands still: the longest time in which scores "
        "had learned nothing newer.",
    )
    about = {"requests": len(felt), **percentiles_ms(felt)}
    yield Table("Scores asked during tree updates and swaps, at the client", [about])


def _spread(rows: list[dict[str, float]], name: str) -> str:
    return spread([row[name] for row in rows])


def _swap(api: ApiClient, answers: list[Answer]) -> dict[str, float]:
    first, began = len(answers), time.time()
    run = finished(api, api.call("POST", f"{PATH}/updates", TREES))
    number = run["result_version"]
    after = _wait(answers, lambda answer: answer.version == number)
    _wait(answers, lambda answer: answer.offset > after.offset)
    of_it = api.call("GET", f"{PATH}/deployments")["results"]
    [promoted] = [_epoch(each["started_at"]) for each in of_it if each["version"] == number]
    during = answers[first : len(answers)]
    return {
        "swap, ms": 1e3 * (after.ended - promoted),
        "learning stands still, ms": 1e3 * _longest_still(during),
        "tree update, s": promoted - began,
        "samples learned online meanwhile": float(after.offset - during[0].offset),
    }


def _longest_still(answers: list[Answer]) -> float:
    newer = [answers[0]]
    for answer in answers:
        if answer.offset > newer[-1].offset:
            newer.append(answer)
    return float(np.diff([answer.ended for answer in newer]).max())


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _wait(answers: list[Answer], condition: Any) -> Answer:
    deadline, at = time.monotonic() + WITHIN_SECONDS, 0
    while time.monotonic() < deadline:
        while at < len(answers):
            if condition(answers[at]):
                return answers[at]
            at += 1
        time.sleep(0.005)
    raise RuntimeError(f"not within {WITHIN_SECONDS:g} s; the last answer was {answers[-1:]}")


@contextmanager
def _asking(api: ApiClient, clicks: Clicks) -> Iterator[list[Answer]]:
    """Answers to scores, as they come, one after the other."""
    answers: list[Answer] = []
    body = msgspec.json.encode({"rows": clicks.first(CANDIDATES).dicts()})

    def ask(stop: threading.Event) -> None:
        with api.another() as client:
            while not stop.is_set():
                began = time.time()
                found = score(client, body)
                answers.append(Answer(began, time.time(), found["version"], found["offset"] or 0))

    with _in_thread(ask):
        yield answers


@contextmanager
def _load(api: ApiClient, clicks: Clicks, rate: float) -> Iterator[None]:
    bodies = clicks.ndjson(ROWS)

    def run(stop: threading.Event) -> None:
        began = time.monotonic()
        with api.another() as client:
            number = 0
            while not stop.wait(max(0.0, began + number * ROWS / rate - time.monotonic())):
                send(client, bodies[number % len(bodies)], NDJSON)
                number += 1

    with _in_thread(run):
        yield


@contextmanager
def _in_thread(work: Any) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WITHIN_SECONDS)
