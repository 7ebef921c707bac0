"""The report as a page: sections in, README.md and one self-contained index.html out."""

from .contents import Contents, contents
from .rendering import refuse_foreign, write
from .section import Picture, Section

__all__ = ["Contents", "Picture", "Section", "contents", "refuse_foreign", "write"]
