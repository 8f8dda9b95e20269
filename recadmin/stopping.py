"""Whether this web process has been told to stop: for requests that would wait longer.

It is gunicorn's configuration too (``--config python:recadmin.stopping``): what it calls in each
worker is below.
"""

import signal
import threading
from types import FrameType
from typing import Any

told = threading.Event()


def post_worker_init(worker: Any) -> None:
    """Note SIGTERM from now on, and pass it on to gunicorn."""
    before = signal.getsignal(signal.SIGTERM)

    def note(number: int, frame: FrameType | None) -> None:
        told.set()
        before(number, frame)  # type: ignore[operator, misc]

    signal.signal(signal.SIGTERM, note)
