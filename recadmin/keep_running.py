"""Run Python and start it again when it dies: ``python -m recadmin.keep_running ARGUMENTS …``.

The supervisor stops everything when one of its processes ends, so each runs under this: a process
that is killed is back within a second, one that ends by itself (status 0) is left ended.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

# A process that lived this long was healthy: its next death is the first again.
HEALTHY_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5


def keep_running(arguments: list[str]) -> None:
    """Run this Python with the arguments until told to stop by SIGTERM or SIGINT."""
    stop = threading.Event()
    child: subprocess.Popen[bytes] | None = None

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        started = time.monotonic()
        child = subprocess.Popen([sys.executable, *arguments])  # noqa: S603 - the Procfile's
        if stop.is_set():  # told while it was being started: it was not yet there to be told
            child.terminate()
        status = child.wait()
        if status == 0 and not stop.is_set():
            stop.wait()
        if stop.is_set():
            break
        if time.monotonic() - started > HEALTHY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        print(f"ended with status {status}; starting again in {pause:g} s", flush=True)
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    keep_running(sys.argv[1:])
