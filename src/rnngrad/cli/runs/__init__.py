"""``rnngrad runs``: what is in the store. One file per subcommand, no torch."""

from . import care as care, export as export, show as show  # each joins the group
from .group import runs

__all__ = ["runs"]
