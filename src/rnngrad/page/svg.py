"""matplotlib's SVG files inside a page: small, with ids of their own, in the page's colours."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib.colors import to_hex, to_rgb

from ..figures.style import PALETTE

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
REFERENCE = re.compile(r"#([\w.-]+)")
DECIMALS = re.compile(r"(-?\d+\.\d{2})\d+")
DARK_INK = 0.45
"""Greys as dark as this, text and axes, take the colour of the page's text."""
HUES = {to_hex(colour): f"var(--hue-{k})" for k, colour in enumerate(PALETTE)}
"""What the page has for the colours of the figures, by their names in the file."""


def inline(path: Path, prefix: str) -> Markup:
    """The figure as one element. Its ids begin with ``prefix``, and those that nothing refers to are left out.

    A figure of lines takes the page's colours, light or dark; one with a colour map keeps its own, on a light ground.
    """
    root = ElementTree.parse(path).getroot()
    _without(root, f"{{{SVG}}}metadata")
    _without(root, f"{{{SVG}}}style")  # it would hold for the whole page, which has the same two lines for figures
    _own_ids(root, prefix)
    if own_colours := _has_colour_map(root):
        root.set("class", "light")
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("d", "x", "y", "points"):
                element.set(name, DECIMALS.sub(r"\1", value))
            elif not own_colours and name in ("style", "fill", "stroke"):
                element.set(name, COLOUR.sub(lambda found: themed(found[0]), value))
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    width = float(root.attrib["viewBox"].split()[2])
    root.set("style", f"--width: {width:.0f}px")
    for name, uri in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(name, uri)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def themed(colour: str) -> str:
    """The page's variable for a colour of a figure of lines; other greys stay as they are."""
    red, green, blue = to_rgb(colour)
    if not red == green == blue or colour in HUES:
        return HUES.get(colour, colour)
    return "currentColor" if red <= DARK_INK else "var(--sheet)" if red == 1 else colour


def _has_colour_map(root: ElementTree.Element) -> bool:
    """Whether there are colours that the page has no counterpart for."""
    known = (colour in HUES or len(set(to_rgb(colour))) == 1 for colour in _colours(root))
    return root.find(f".//{{{SVG}}}image") is not None or not all(known)


def _colours(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        for name in ("style", "fill", "stroke"):
            yield from COLOUR.findall(element.get(name, ""))


def _without(root: ElementTree.Element, tag: str) -> None:
    for parent in list(root.iter()):
        for child in parent.findall(tag):
            parent.remove(child)


def _own_ids(root: ElementTree.Element, prefix: str) -> None:
    referred = {name for e in root.iter() for value in _references(e).values() for name in REFERENCE.findall(value)}
    for element in root.iter():
        for name, value in _references(element).items():
            element.set(name, REFERENCE.sub(rf"#{prefix}-\1", value))
        if (own := element.attrib.pop("id", None)) in referred:
            element.set("id", f"{prefix}-{own}")


def _references(element: ElementTree.Element) -> dict[str, str]:
    return {name: v for name, v in element.attrib.items() if (name == HREF and v.startswith("#")) or "url(#" in v}
