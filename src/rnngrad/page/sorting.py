"""By what the columns of a table are sorted: the numbers that their texts begin with."""

import re
from collections.abc import Sequence
from math import log10

NONE = "–"
"""Nothing to sort by, whatever stands behind it, as in an empty text."""
NOTHING = -1e300
"""Where a gradient of exactly 0 stands among powers of ten."""
NUMBER = re.compile(r"^[>~]?\s*(?P<number>[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w-])(?P<rest>.*)$", re.ASCII)
POWER = re.compile(r"^10\^(-?[\d.]+)")
SHARE = re.compile(r"^/([\d,]+)")


def sort_keys(column: Sequence[str]) -> list[float | None] | None:
    """One number per text, None where there is none; None for the column if any text of it is not a number.

    ``10^-47.0`` counts as its exponent, beside which 0 is less than any; 3/10 as a share; > 3,000 as just over 3,000.
    """
    in_powers = any(POWER.match(text) for text in column)
    keys: list[float | None] = []
    for text in column:
        missing = not text or text.startswith(NONE)
        key = None if missing else _exponent(text) if in_powers else _number(text)
        if key is None and not missing:
            return None
        keys.append(key)
    return keys


def _number(text: str) -> float | None:
    found = NUMBER.match(text)
    if not found:
        return None
    number = _value(found["number"])
    if (share := SHARE.match(found["rest"])) and (whole := _value(share[1])):
        return number / whole
    return number * (1 + 1e-9) if text.startswith(">") else number


def _exponent(text: str) -> float | None:
    if found := POWER.match(text):
        return float(found[1])
    number = _number(text)
    return None if number is None or number < 0 else log10(number) if number else NOTHING


def _value(digits: str) -> float:
    return float(digits.replace(",", "").replace("−", "-"))
