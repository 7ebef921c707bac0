"""The direction of imports, and what keeps figures and tables free of torch."""

import ast
from pathlib import Path

import pytest

import rnngrad

ROOT = Path(rnngrad.__file__).parent
LAYERS = [
    "errors",
    "compiler",
    "schema",
    "streams",
    "stats",
    "measurement",
    "jobs",
    "measuring",
    "data",
    "theory",
    "problems",
    "cells",
    "engine",
    "hs97",
    "models",
    "memory",
    "side_by_side",
    "figures",
    "flow",
    "stopping",
    "training",
    "depth",
    "comparison",
    "cards",
    "ensemble",
    "store",
    "summary",
    "sweeps",
    "reruns",
    "findings",
    "tables",
    "report",
    "page",
    "study",
    "experiment",
    "progress",
    "study_progress",
    "rerun_progress",
    "logs",
    "probing",
    "bench",
    "cli",
    "__main__",
]
"""From the ground up: a module may import from those before it and from its own package."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_layers(path: Path) -> set[str]:
    """The rnngrad layers that a module imports from, by its relative and absolute imports."""
    here = ["rnngrad", *path.relative_to(ROOT).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            full = [*base, *(node.module or "").split(".")] if node.module else base
            names = [[*full, alias.name] for alias in node.names] if full == ["rnngrad"] else [full]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            continue
        found |= {name[1] for name in names if name[0] == "rnngrad" and len(name) > 1}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = LAYERS.index(layer(path))
    upward = {name for name in imported_layers(path) if LAYERS.index(name) > own}
    assert not upward


@pytest.mark.parametrize(
    "layer_name", ["store", "stats", "summary", "sweeps", "reruns", "findings", "tables", "figures"]
)
def test_from_the_store_to_the_figure_there_is_no_torch(layer_name):
    """Followed through every import of our own, so that torch cannot come in by the back door."""
    todo, seen = {layer_name}, set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for path in [p for p in MODULES if layer(p) == name]:
            imports = {
                n.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for n in node.names
            }
            modules = {n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
            assert not any((m or "").split(".")[0] == "torch" for m in imports | modules)
            todo |= imported_layers(path) - seen


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_public_thing_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    protocols = [c for c in classes if any(getattr(base, "id", "") == "Protocol" for base in c.bases)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    missing = [n.name for n in [*classes, *functions] if not n.name.startswith("_") and not ast.get_docstring(n)]
    assert not missing, missing
    assert all(ast.get_docstring(p) for p in protocols)
