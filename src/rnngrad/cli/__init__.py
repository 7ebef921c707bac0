"""The command ``rnngrad``: one file per subcommand."""

import io
import signal
import sqlite3
import sys

import click

from ..errors import UsageError
from ..store import faults
from .lazy import Home, LazyGroup

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SUBCOMMANDS = {
    "bench": Home("bench", "bench", "Time a training step: the CPU engine beside torch.nn and the Python loop."),
    "compare": Home("compare", "compare", "Time beside depth: the gradient by layers and by steps, measured alike."),
    # Its group, which remedies joins.
    "depth": Home("remedies", "depth", "The feed-forward analysis: depth in place of time."),
    "list": Home("listing", "list_", "What there is to choose from."),
    "probe": Home("probe", "probe", "How far back does a net's gradient reach, and what does theory say?"),
    "report": Home("report", "report", "Tables and figures again, from stored rows, without training."),
    "rerun": Home("rerun", "rerun", "Run a paper's experiments again, its numbers beside ours."),
    "runs": Home("runs", "runs", "The runs in the store: list, filter, show, export, merge, check."),
    "sweep": Home("sweep", "sweep", "Train a task card over lags, cells, learning rates and seeds."),
    "task": Home("task", "task", "Train the cells of a task card and measure their gradient flow."),
}


@click.group(cls=LazyGroup, homes=SUBCOMMANDS, context_settings=HELP)
@click.version_option(package_name="rnngrad")
def command() -> None:
    """The reference laboratory for long-term dependencies in recurrent networks."""


def main() -> None:
    """Runs the command: exit 0 done, 1 the run failed, 2 the words were wrong, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: the runs are marked as interrupted
    sys.stdout = sys.stdout or io.StringIO()  # closed by the caller
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters gets question marks
    try:
        code = command.main(prog_name="rnngrad", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except (UsageError, click.UsageError) as error:
        message = error.format_message() if isinstance(error, click.UsageError) else str(error)
        sys.exit(_complain(message, 2))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(_complain("interrupted; what was stored before is kept", 130))
    except faults.StoreFault as error:
        sys.exit(_complain(str(error), 1))
    except sqlite3.Error as error:
        sys.exit(_complain(f"the run failed: the store: {faults.in_words(error)}", 1))
    except OSError as error:
        sys.exit(_complain(f"the run failed: {error}", 1))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what ends it now ends nothing that is worth a word
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    click.echo("rnngrad: " + " ".join(message.split()), err=True)
    return code
