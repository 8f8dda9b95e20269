"""A command in a process group of its own: its output, its cost, its end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launcher.py")
# So much of the end of what it prints is kept; what came before is read and forgotten.
OUTPUT_BYTES = 64 * 1024
# From the signal to end to the one that ends it.
GRACE_SECONDS = 5.0
READ_BYTES = 16 * 1024
# What is left in the pipe once all who could write to it are gone comes at once.
DRAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Ended:
    """How it ended: exit_code is negative for a signal. Cost is of it and of the processes that it
    has waited for."""

    exit_code: int
    cpu_seconds: float
    peak_memory_bytes: int

    @property
    def how(self) -> str:
        """In words."""
        if self.exit_code < 0:
            return f"was ended by {signal.Signals(-self.exit_code).name}"
        return f"ended with exit code {self.exit_code}"


class Process:
    """Started at once; ``stop`` ends all of its group, and must be called."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, memory: int
    ) -> None:
        launched = [sys.executable, "-I", str(LAUNCHER), str(memory), str(os.getpid()), *command]
        self._process = subprocess.Popen(  # noqa: S603 - a list, of a program that settings allow
            launched,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._descriptor = os.pidfd_open(self._process.pid)
        self._output = bytearray()
        self._reader = threading.Thread(target=self._read, args=[self._process.stdout], daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """The end of what it has printed so far, without null characters: databases take none."""
        return bytes(self._output).decode(errors="replace").replace("\0", "\ufffd")

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, after at most so long."""
        return bool(select.select([self._descriptor], [], [], seconds)[0])

    def stop(self) -> Ended:
        """End it and all that it has started, gently first where it is still at work."""
        if not self.wait(0):
            self._signal(signal.SIGTERM)
            self.wait(GRACE_SECONDS)
        # Not waited for yet, its number is no other's: what is left of the group is its own.
        self._signal(signal.SIGKILL)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        os.close(self._descriptor)
        self._reader.join(DRAIN_SECONDS)
        cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        return Ended(self._process.returncode, cpu, peak)

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := pipe.read1(READ_BYTES):  # type: ignore[attr-defined]
                self._output += chunk
                del self._output[:-OUTPUT_BYTES]
