"""Whether numba compiles, asked of the environment: importing it to ask takes most of a second."""

import os

from .errors import UsageError

SWITCH = "NUMBA_DISABLE_JIT"


def switched_on() -> bool:
    """Whether numba's kernels run as machine code here, and not line by line in Python."""
    return os.environ.get(SWITCH, "0") in ("", "0")


def require(what: str) -> None:
    """Raises UsageError where ``what`` would not be compiled, and would take days in place of minutes."""
    if not switched_on():
        raise UsageError(f"{what} need compiled code, which {SWITCH}={os.environ[SWITCH]} switches off: unset it")
