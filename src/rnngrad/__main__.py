"""``python -m rnngrad``."""

from .cli import main

main()
