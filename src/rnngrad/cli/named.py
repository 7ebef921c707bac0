"""A group of commands that answers a name that there is not with those that there are."""

from typing import Any

import click

from ..errors import unknown


class NamedGroup(click.Group):
    """As click's, but for its words."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Raises UsageError for a command that there is not."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            raise unknown("command", args[0], names)
        return super().resolve_command(ctx, args)
