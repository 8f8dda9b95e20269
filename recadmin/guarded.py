"""Calls that may hang, such as to a database behind a dead network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Guarded(Generic[Answer]):
    """Makes one call at a time, in a thread that nothing waits for when the process ends.

    Who asks while a call is under way shares its answer: however many ask, a thing that hangs
    holds one thread.
    """

    def __init__(self, function: Callable[[], Answer]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._call: Future[Answer] | None = None

    def begin(self) -> Future[Answer]:
        """The call under way, begun now if there is none."""
        with self._lock:
            if self._call is None or self._call.done():
                self._call = Future()
                threading.Thread(target=self._see_through, args=(self._call,), daemon=True).start()
            return self._call

    def _see_through(self, call: Future[Answer]) -> None:
        try:
            call.set_result(self._function())
        except Exception as error:
            call.set_exception(error)
