"""The one way in which the library compiles its kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on its first call: without the GIL, kept on disk between processes."""
    return cast(F, numba.njit(nogil=True, cache=True)(function))
