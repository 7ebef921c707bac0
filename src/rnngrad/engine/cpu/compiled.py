"""numba's compiler with a disk cache that follows every source file of a kernel, and does without where none can be.

numba keys its cache by the file of the outermost function alone; a change in a file it calls would go unseen. So the
cache lives in a folder named after the contents of all of them: the files beside the kernel's, and the engine's.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba import njit

_SETTINGS: Any = numba.config  # a module whose attributes appear when it runs


def _digest(home: Path) -> str:
    sources = sorted({*home.glob("*.py"), *Path(__file__).parent.glob("*.py")})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _folder(home: Path) -> str:
    """Where compiled kernels go: numba's own choice of folder if the user made one, else beside the sources."""
    base = _SETTINGS.CACHE_DIR or str(home / "__pycache__")
    if not _SETTINGS.CACHE_DIR and not os.access(home, os.W_OK):
        base = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "rnngrad")
    return os.path.join(base, f"kernels-{_digest(home)}")


def kernel(function: Callable[..., None]) -> Any:
    """Compile on the first call, without the interpreter's lock, and cache on disk if a folder can be written.

    Returns numba's dispatcher, which takes the function's arguments.
    """
    before, _SETTINGS.CACHE_DIR = _SETTINGS.CACHE_DIR, _folder(Path(function.__code__.co_filename).parent)
    try:
        return _forgiving(njit(nogil=True, error_model="numpy", cache=True)(function))
    except RuntimeError:  # numba: "cannot cache function ...: no locator available"
        return njit(nogil=True, error_model="numpy")(function)
    finally:
        _SETTINGS.CACHE_DIR = before


def _forgiving(dispatcher: Any) -> Any:
    """The kernel runs all the same if its code does not fit on the disk."""
    save = dispatcher._cache.save_overload

    def attempt(signature: Any, code: Any) -> None:
        with suppress(OSError):
            save(signature, code)

    dispatcher._cache.save_overload = attempt
    return dispatcher
