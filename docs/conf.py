"""Sphinx: `make docs` builds build/docs/html, and takes a warning for an error.

The C module exists only inside httpd, so a module made from its stubs stands in for it: they are valid Python and hold
the docstrings. The constants' pages are made from python/mod_python/_constants.py, by its comments.
"""

import __future__

import ast
import importlib.machinery
import importlib.util
import re
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

PYTHON = Path(__file__).resolve().parent.parent / "python"
STUBS = PYTHON / "mod_python" / "_apache.pyi"


class Overload:
    """typing.overload, but for the text: all have that of the first."""

    def __init__(self) -> None:
        self.texts: dict[str, str | None] = {}

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        function.__doc__ = self.texts.setdefault(function.__qualname__, function.__doc__)
        return function


def stand_in() -> ModuleType:
    """`_apache`, made from the stubs. Sphinx reads the texts behind annotations by the module's loader."""
    loader = importlib.machinery.SourceFileLoader("_apache", str(STUBS))
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("_apache", loader, origin=str(STUBS)))
    module.__file__ = str(STUBS)
    code = compile(STUBS.read_text("utf-8"), str(STUBS), "exec", __future__.annotations.compiler_flag, True)
    with mock.patch.object(typing, "overload", Overload()):
        exec(code, module.__dict__)
    for name in module.__annotations__:
        module.__dict__.setdefault(name, 0)     # what is known only inside httpd
    return module


sys.path.insert(0, str(PYTHON))
sys.modules["_apache"] = stand_in()
finders = list(sys.meta_path)
import mod_python.apache  # noqa: E402

sys.meta_path[:] = finders      # Sphinx's own imports are not the importer's matter

project = "mod_python"
author = "the mod_python developers"
release = mod_python.mp_version
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["requirements.txt"]
html_theme = "furo"
html_title = f"mod_python {release}"
html_copy_source = False

myst_heading_anchors = 3
highlight_language = "python"
smartquotes = False
nitpicky = True
nitpick_ignore_regex = [     # what other packages document, and names of the stubs' own
    ("py:.*", r"(collections\.abc|os|types|typing|typing_extensions)\..*"),
    ("py:.*", r"Any|Buffer|Callable|CapsuleType|Iterable|Iterator|ModuleType|PathLike|Sequence"),
    ("py:.*", r"(_apache\.)?_\w+|mod_python\._\w+\.\w+"),
]

autodoc_member_order = "alphabetical"
autodoc_typehints = "signature"
add_module_names = False
python_display_short_literal_types = True


class Constants(Directive):
    """`.. constants:: FILE PATTERN [PATTERN ...]`: tables of the constants whose names fit, by the comments over them.

    With no pattern that fits a constant the build fails, so that a table is never empty.
    """

    required_arguments = 1
    optional_arguments = 50
    final_argument_whitespace = False
    option_spec: ClassVar = {}

    def run(self) -> Sequence[nodes.Node]:  # type: ignore[override]
        path, *patterns = self.arguments
        found = constants((PYTHON / "mod_python" / path).read_text("utf-8"), re.compile("|".join(patterns) or ".*"))
        if not found:
            raise self.error(f"no constant in {path} is called {patterns}")
        return [part for title, rows in found for part in (nodes.rubric("", title), table(rows)) if part.children]


def constants(source: str, wanted: re.Pattern[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(comment, [(name, value)]) for each group of assignments."""
    lines = source.splitlines()
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, (ast.Constant, ast.UnaryOp)):
            continue
        before = lines[node.lineno - 2]
        if not groups or not before or before.startswith("#"):
            groups.append((before.removeprefix("# "), []))
        if wanted.fullmatch(target.id):
            groups[-1][1].append((target.id, ast.get_source_segment(source, value) or ""))
    return [(title, rows) for title, rows in groups if rows]


def table(rows: list[tuple[str, str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (60, 30)), cols=2)
    head = nodes.thead("", row_of(nodes.Text("Name"), nodes.Text("Value")))
    body = nodes.tbody("", *(row_of(nodes.literal("", name), nodes.literal("", value)) for name, value in rows))
    group.extend([head, body])
    return nodes.table("", group, classes=["colwidths-auto"])


def row_of(*cells: nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> None:
    app.add_directive("constants", Constants)
