"""Where the command starts: Ctrl-C ends it in order from the first import on."""

import sys


def main() -> None:
    """``rnngrad``, and ``python -m rnngrad``."""
    try:
        from .cli import main as command
    except KeyboardInterrupt:
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
