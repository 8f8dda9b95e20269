"""Becomes a trainer's command, bounded: run by its path in an interpreter of its own.

Arguments: bytes of address space, process id of the worker, then the command. Limits are set here
rather than between fork and exec of the worker, which has threads. Imports nothing of the project.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CANNOT_START = 127


def main(memory_bytes: str, worker: str, *command: str) -> None:
    """Never returns."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A worker that is killed takes the command with it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(worker):
        sys.exit(CANNOT_START)
    # As it was given: Python may have added a locale to its own.
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    environment = dict(each.split(b"=", 1) for each in given if each)
    try:
        os.execve(command[0], command, environment)  # noqa: S606 - no shell, as it should be
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main(*sys.argv[1:])
