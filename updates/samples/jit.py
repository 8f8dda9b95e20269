"""The one way in which the library compiles its kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on its first call: without the GIL, kept on disk between processes.

    Sums keep their order (no fast-math) and divisions follow IEEE 754, so that the same calls give
    the same bits.

    numba's cache looks only at the file of the function itself, and would go on using old machine
    code after a change of a callee in another file. The digest of the folder's sources, made part
    of the function's name, gives each state of the sources its own cache entry.
    """
    return _compiled(function)


def bare_kernel(function: F) -> F:
    """Compile a function that makes no array: none's references are counted, which would be a
    locked instruction each time that a part of it is handed one.
    """
    return _compiled(function, _nrt=False)


def inlined(function: F) -> F:
    """Compile a part of kernels that makes no array, put in wherever it is called."""
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: F, **options: Any) -> F:
    folder = Path(function.__code__.co_filename).parent
    function.__qualname__ = f"{function.__qualname__}_{_digest(folder)}"
    jit = numba.njit(nogil=True, cache=True, error_model="numpy", **options)
    return cast(F, jit(function))


@cache
def _digest(folder: Path) -> str:
    """What the Python sources of a folder are, in 12 letters."""
    digest = sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
