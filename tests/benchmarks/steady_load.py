"""Steady load with faults: everything accepted is learned, once, and memory stays flat.

    python -m tests.benchmarks.steady_load --minutes 20
    python -m tests.benchmarks.steady_load --minutes 5 --rate 500 --victims valkey --fault-seconds 8

Clients append NDJSON at a set rate to a recommender that learns online, while the online worker,
the web and Valkey (or `--victims` only) are killed (SIGKILL) by turns and started again; a client
sends a batch until it is answered, under the same batch id. Ends with status 1 where the samples
that are served as learned are not those that were accepted.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from tests.api_client import ApiClient
from tests.benchmarks.clicks import simulate
from tests.benchmarks.harness import Table
from tests.benchmarks.online_http import HISTORY, POLICY, ROWS, learning_online, score
from tests.benchmarks.served import NDJSON
from tests.stack import Stack

VICTIMS = ("online", "web", "valkey")
BODIES = 200  # sent round and round
SETTLE_SECONDS = 300.0
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20
WARM_SHARE = 0.3  # of a process's life in which caches fill and tables grow


@dataclass
class Load:
    """What clients have been answered. accepted : samples; failed : requests sent again."""

    api: ApiClient
    bodies: list[bytes]
    rate: float
    accepted: int = 0
    failed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send until stopped, at the rate; when behind, as fast as it goes."""
        began = time.monotonic()
        with self.api.another() as client:
            for number in itertools.count():
                self.stop.wait(max(0.0, began + number * ROWS / self.rate - time.monotonic()))
                if self.stop.is_set():
                    return
                self._until_answered(client, number)

    def _until_answered(self, client: ApiClient, number: int) -> None:
        path = "/api/v1/recommenders/clicks/samples"
        headers = {"Content-Type": NDJSON, "Batch-Id": f"steady-{number}"}
        while True:
            try:
                answer = client.request("POST", path, self.bodies[number % BODIES], headers)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status == 202:
                self.accepted += msgspec.json.decode(answer.body)["accepted"]
                return
            if answer is not None and answer.status != 503:
                raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
            self.failed += 1
            time.sleep(0.05)


class Memory:
    """Resident memory of each process of a stack and those below it, by process id, over time."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._began = time.monotonic()
        self._samples: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)

    def sample(self) -> None:
        """Read it now."""
        now = time.monotonic() - self._began
        for name, process in self._stack.processes.items():
            for pid in [process.pid, *self._stack.children(name)]:
                try:
                    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self._samples[name, pid].append((now, int(pages) * PAGE))

    def rows(self, least_seconds: float) -> Iterator[dict[str, object]]:
        """A row a process that lived long enough; the slope is that after its beginning."""
        for (name, pid), samples in self._samples.items():
            times, sizes = np.array(samples, float).T
            late = times >= times[0] + WARM_SHARE * (times[-1] - times[0])
            if times[-1] - times[0] < least_seconds or late.sum() < 3:
                continue
            slope = np.polyfit(times[late], sizes[late], 1)[0]
            yield {
                "process": f"{name} {pid}",
                "seconds": round(times[-1] - times[0]),
                "MiB first": round(sizes[0] / MIB),
                "MiB last": round(sizes[-1] / MIB),
                "MiB most": round(sizes.max() / MIB),
                "slope MiB/min": f"{slope * 60 / MIB:.2f}",
            }


def main() -> None:
    """Load, kill, wait until all is served, compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.steady_load")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=5_000.0, help="samples/s")
    parser.add_argument("--fault-seconds", type=float, default=30.0, help="between two kills")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=VICTIMS)
    chosen = parser.parse_args()
    clicks = simulate(BODIES * ROWS)
    probe = msgspec.json.encode({"rows": clicks.first(1).dicts()})
    with learning_online(clicks) as (stack, api):
        load, memory = Load(api, clicks.ndjson(ROWS), chosen.rate), Memory(stack)
        sender = threading.Thread(target=load.run)
        sender.start()
        try:
            turns = itertools.cycle(chosen.victims)
            seconds = chosen.minutes * 60
            kills = _kill_by_turns(stack, turns, memory, seconds, chosen.fault_seconds)
        finally:
            load.stop.set()
            sender.join()
        expected = HISTORY + ROWS + load.accepted
        learned = _learned(api, probe, expected)
    rows = list(memory.rows(chosen.fault_seconds / 2))
    print(
        Table(
            "Memory under steady load", rows or [{"process": "none lived long enough"}]
        ).markdown()
    )
    print(
        f"\n{chosen.minutes:g} minutes, {kills} kills, {load.failed} requests sent again; "
        f"policy {POLICY['strategy']}. Accepted {expected:,}, learned and served {learned:,}."
    )
    raise SystemExit(learned != expected)


def _kill_by_turns(
    stack: Stack, victims: Iterator[str], memory: Memory, seconds: float, pause: float
) -> int:
    """Kill and start again until the time is over; returns how often."""
    end, kills = time.monotonic() + seconds, 0
    following = time.monotonic() + pause
    while time.monotonic() < end:
        memory.sample()
        if time.monotonic() >= following:
            name = next(victims)
            stack.kill(name)
            stack.start(name)
            kills, following = kills + 1, time.monotonic() + pause
        for gone in [name for name in stack.names if stack.processes[name].poll() is not None]:
            stack.start(gone)
        time.sleep(1.0)
    return kills


def _learned(api: ApiClient, probe: bytes, expected: int) -> int:
    """The number of the last sample that the scores have learned, when it no longer grows."""
    deadline, offset = time.monotonic() + SETTLE_SECONDS, 0
    while offset < expected and time.monotonic() < deadline:
        with api.another() as client:
            offset = score(client, probe)["offset"] or 0
        time.sleep(0.2)
    return offset


if __name__ == "__main__":
    main()
