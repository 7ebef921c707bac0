"""The store: every run in one SQLite file, written at every evaluation, readable with any SQLite tool."""

from .store import Row, Store

__all__ = ["Row", "Store"]
