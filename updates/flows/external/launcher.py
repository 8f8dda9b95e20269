"""Becomes a trainer's command, bounded: run by its path in an interpreter of its own.

Arguments: bytes of address space, process id of the worker, then the command. Limits are set here
rather than between fork and exec of the worker, which has threads. Imports nothing of the project.
"""

import ctypes
import os
import resource
import signal
import sys

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
    try:
        os.execv(command[0], command)  # noqa: S606 - without a shell, as it should be
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_START)


main(*sys.argv[1:])
