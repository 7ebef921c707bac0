"""``rnngrad runs``: what is in the store. One file per subcommand, no torch."""

from . import care as care  # each joins the group
from . import export as export
from . import show as show
from .group import runs

__all__ = ["runs"]
