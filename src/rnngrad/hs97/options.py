"""Options: the keys of a card's tables, each of which settings, readings and --set may change."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..errors import UsageError, unknown

Tables = dict[str, dict[str, Any]]


def parse_option(text: str) -> tuple[str, Any]:
    """Key and value of ``key=value``; the value as TOML has it, else a text. Raises UsageError if one is missing."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise UsageError(f"'--set {text}': expected option=value, such as lr=0.5")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def owners(classes: Mapping[str, type]) -> dict[str, str]:
    """For each option the table whose class has it as a field."""
    return {f.name: table for table, cls in classes.items() for f in fields(cls)}


def changed(tables: Tables, classes: Mapping[str, type], options: Mapping[str, Any]) -> Tables:
    """The tables with these options in place of their own. Raises UsageError for an option that there is not."""
    owner = owners(classes)
    result = {name: dict(table) for name, table in tables.items()}
    for key, value in options.items():
        if key not in owner:
            raise unknown("option", key, owner)
        result.setdefault(owner[key], {})[key] = value
    return result
