"""``rnngrad list``: the registries."""

import json
import textwrap
from collections.abc import Callable
from typing import Any

import click

from .. import cards
from ..cells import CELLS, INITS
from ..errors import unknown
from ..problems import PROBLEMS
from ..store import Row
from .shared import json_option


@click.command(name="list")
@click.argument("what", metavar="problems|cells|inits|tasks")
@json_option
def list_(what: str, as_json: bool) -> None:
    """What there is to choose from."""
    kinds: dict[str, Callable[[], list[Row]]] = {
        "problems": _problem_rows,
        "cells": lambda: [_described(name, cell) for name, cell in CELLS.items()],
        "inits": lambda: [_described(name, init) for name, init in INITS.items()],
        "tasks": _task_rows,
    }
    if what not in kinds:
        raise unknown("list", what, kinds)
    for row in kinds[what]():
        if as_json:
            click.echo(json.dumps(row))
        else:
            text = "; ".join(str(v) for k, v in row.items() if k != "name" and v)
            click.echo(textwrap.fill(text, 100, initial_indent=f"{row['name']:<18}", subsequent_indent=" " * 18))


def _described(name: str, thing: Any) -> Row:
    """Name and the first sentence of the docstring."""
    doc = " ".join((thing.__doc__ or "").split("\n\n")[0].split())
    return {"name": name, "about": doc}


def _problem_rows() -> list[Row]:
    return [
        {
            **_described(name, problem),
            "protocols": ", ".join(f"{p} (lag {least} or more)" for p, least in problem.protocols.items()),
        }
        for name, problem in PROBLEMS.items()
    ]


def _task_rows() -> list[Row]:
    rows = []
    for name, path in cards.shipped().items():
        card = cards.read(path)
        cells = ", ".join(spec.label for spec in card.cells)
        rows.append({"name": name, "title": card.task.title, "cells": cells, "paper": card.task.paper})
    return rows
