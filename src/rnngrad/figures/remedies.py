"""The grid of remedies as figures."""

from typing import Any

from matplotlib.figure import Figure


def all_of(rows: Any) -> dict[str, Figure]:
    """None yet."""
    return {}
