"""The command ``rnngrad``: one file per subcommand."""

import io
import signal
import sqlite3
import sys

import click

from ..errors import UsageError
from .bench import bench
from .compare import compare
from .depth import depth
from .listing import list_
from .probe import probe
from .remedies import remedies as remedies  # joins the group of depth
from .report import report
from .rerun import rerun
from .sweep import sweep
from .task import task

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=HELP)
@click.version_option(package_name="rnngrad")
def command() -> None:
    """The reference laboratory for long-term dependencies in recurrent networks."""


for subcommand in (task, sweep, probe, depth, compare, rerun, report, list_, bench):
    command.add_command(subcommand)


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
    except (OSError, sqlite3.Error) as error:
        sys.exit(_complain(f"the run failed: {error}", 1))
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    click.echo("rnngrad: " + " ".join(message.split()), err=True)
    return code
