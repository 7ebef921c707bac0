"""Subcommands that are imported when they are called: torch takes a second, and not all of them compute."""

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from .named import NamedGroup


class Home(NamedTuple):
    """Where a subcommand is: a module beside this one, its name there; and its help in one sentence."""

    module: str
    name: str
    help: str


class Subcommands(UserDict[str, Any]):
    """The commands by name; looking one up imports it."""

    def __getitem__(self, name: str) -> click.Command:
        home = self.data[name]
        command: click.Command = getattr(import_module(f".{home.module}", __package__), home.name)
        return command


class LazyGroup(NamedGroup):
    """A group whose help lists its subcommands without importing them."""

    def __init__(self, homes: Mapping[str, Home], **options: Any) -> None:
        super().__init__(commands=Subcommands(homes), **options)
        self.homes = homes

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The section of the help that lists the subcommands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.homes[name].help) for name in self.list_commands(ctx)])
