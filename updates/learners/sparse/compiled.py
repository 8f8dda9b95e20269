"""How the kernels are compiled: outside the interpreter lock, cached on disk, in IEEE order."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def _digest_of_sources() -> str:
    digest = sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


_SOURCES = _digest_of_sources()


def compiled(function: Function) -> Function:
    """Compile with numba: ``nogil``, cached, no fast-math, so that sums keep their order.

    numba's cache looks only at the file of the function itself, and would go on using old machine
    code after a change of a callee in another file. The digest of this folder's sources, made part
    of the function's name, gives each state of the sources its own cache entry.
    """
    function.__qualname__ = f"{function.__qualname__}_{_SOURCES}"
    jit = numba.njit(nogil=True, cache=True, error_model="numpy")
    return cast(Function, jit(function))
