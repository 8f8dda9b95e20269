"""The thread behind a logger: batches to disk for good, then to the server, in order."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from pathlib import Path

from recadmin_client.delivery import Delivered, bytes_aside
from recadmin_client.retries import Retries
from recadmin_client.spool import Batch, Folder, adopt_all, sync

logger = logging.getLogger(__name__)

# How often it looks for folders of processes that are gone, and at what lies aside.
LOOK_AROUND_SECONDS = 30.0
# It waits between attempts by itself, so that it can sync what is logged meanwhile.
PATIENCE = Retries(attempts=1, first_seconds=1.0, longest_seconds=60.0)


class Courier:
    """Brings batches to the server, those of processes that are gone before its own.

    changed : guards all of it, but for ``stop``; notified when there is something to do, or done.
    send : delivers one batch. seal_if_due : seals the batch being written where it has waited long
    enough, and returns the seconds until then; called with ``changed`` held.

    sent, rejected : rows. waiting_bytes : of batches to be sent, the one being written included.
    aside_bytes : of refused rows. last_error : of the newest attempt, or "".
    """

    def __init__(
        self,
        root: Path,
        changed: threading.Condition,
        send: Callable[[Batch], Delivered],
        seal_if_due: Callable[[], float],
    ) -> None:
        self.sent = self.rejected = 0
        self.waiting_bytes = self.aside_bytes = 0
        self.last_error = ""
        self._root = root
        self._changed = changed
        self._send = send
        self._seal_if_due = seal_if_due
        self._adopted: list[Folder] = []
        # Batches that are complete: first to be synced, then to be sent.
        self._unsynced: deque[Batch] = deque()
        self._ready: deque[Batch] = deque()
        self._look_at = self._send_at = -inf
        self._failures = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether the server has all that was given."""
        return not (self._unsynced or self._ready)

    def start(self) -> None:
        """Start the thread where it is not running: it is not in a forked child."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recadmin-courier", daemon=True)
            self._thread.start()

    def add(self, batch: Batch) -> None:
        """Take a batch, whose bytes are in ``waiting_bytes`` already."""
        self._unsynced.append(batch)
        self._changed.notify_all()

    def hurry(self) -> None:
        """Send now, whatever failed before."""
        self._send_at = -inf
        self._changed.notify_all()

    def look_around(self) -> None:
        """Adopt the folders of processes that are gone, and measure what lies aside."""
        self._look_at = time.monotonic() + LOOK_AROUND_SECONDS
        for folder in adopt_all(self._root):
            self._adopted.append(folder)
            for batch in folder.recover():
                self.waiting_bytes += batch.bytes
                self.add(batch)
        self._leave_empty_folders()
        self.aside_bytes = bytes_aside(self._root)

    def stop(self, timeout_seconds: float) -> None:
        """End the thread, and let go of adopted folders; what waits stays on disk."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        with self._changed:
            for folder in self._adopted:
                folder.release()
            self._adopted = []

    def leave_to_parent(self) -> None:
        """In a forked child: adopted folders stay the parent's."""
        for folder in self._adopted:
            folder.leave_to_parent()

    def _work(self) -> None:
        while self._wait():
            try:
                self._turn()
            except Exception as error:
                # Whatever it is, rows are on disk, and the thread must live to send them.
                self._note_failure(error)

    def _wait(self) -> bool:
        """Wait until there is something to do; false where that is to end."""
        with self._changed:
            while not self._stopping:
                pause = min(self._seal_if_due(), self._seconds_to_next())
                if pause <= 0:
                    break
                self._changed.wait(pause)
            return not self._stopping

    def _seconds_to_next(self) -> float:
        if self._unsynced:
            return 0.0
        next_at = min(self._look_at, self._send_at) if self._ready else self._look_at
        return next_at - time.monotonic()

    def _turn(self) -> None:
        """Sync what is new, and send one batch where its time has come."""
        self._sync_all()
        now = time.monotonic()
        with self._changed:
            if self._look_at <= now:
                self.look_around()
            batch = self._ready[0] if self._ready and self._send_at <= now else None
        if batch is not None:
            delivered = self._send(batch)
            with self._changed:
                self._note_delivery(delivered)

    def _sync_all(self) -> None:
        while self._unsynced:
            try:
                sync(self._unsynced[0].path)
            except OSError as error:
                # The sooner it is with the server, the better.
                logger.warning("a batch cannot be synced: %s", error)
            with self._changed:
                self._ready.append(self._unsynced.popleft())

    def _note_delivery(self, delivered: Delivered) -> None:
        self.waiting_bytes -= self._ready.popleft().bytes
        self.sent += delivered.accepted
        self.rejected += delivered.rejected
        if delivered.rejected:
            self.aside_bytes = bytes_aside(self._root)
            logger.warning("%d rows were refused: see %s", delivered.rejected, self._root)
        self._failures = 0
        self.last_error = ""
        self._leave_empty_folders()
        self._changed.notify_all()

    def _note_failure(self, error: Exception) -> None:
        with self._changed:
            asked = getattr(error, "retry_after_seconds", None) or 0.0
            self._send_at = time.monotonic() + max(PATIENCE.pause(self._failures), asked)
            if self._failures == 0:
                logger.warning("%s is not sent for now: %s", self._root, error)
            self._failures += 1
            self.last_error = str(error) or type(error).__name__

    def _leave_empty_folders(self) -> None:
        full = {batch.path.parent for batch in (*self._unsynced, *self._ready)}
        for folder in [folder for folder in self._adopted if folder.path not in full]:
            folder.release()
            self._adopted.remove(folder)
