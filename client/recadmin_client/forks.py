"""What must be made anew in a forked child."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod


def in_forked_child(method: Callable[[], None]) -> None:
    """Call the method in each forked child, as long as its object lives."""
    if not hasattr(os, "register_at_fork"):
        return
    known = WeakMethod(method)

    def renew() -> None:
        if (still := known()) is not None:
            still()

    os.register_at_fork(after_in_child=renew)
