"""What the TARGET of `mod_python serve` is: found by its name and its text, never by importing it.

    a .wsgi file, or a .py file with a top-level name `application`     WSGI
    a .py file with a top-level name `handler`                          a handler
    a .psp file, or a directory with .psp files                         PSP
    another directory with .py files                                    publisher
    module:callable, where no file has that name                        WSGI
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import NamedTuple

KINDS = ("handler", "publisher", "psp", "wsgi")


class Unclear(Exception):
    """There is no such target, or it could be several things; the text says what to pass."""


class Target(NamedTuple):
    """A file, a directory, or the name of a callable in a module (`path` is then where the command was run)."""

    kind: str
    path: Path
    module: str = ""            # of module:callable
    callable: str = ""

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.path if self.path.is_dir() else self.path.parent


def find(text: str, kind: str | None = None, path: Sequence[str] | None = None) -> Target:
    """What `text` means, as `kind` if that is given. `path` is where modules are, by default sys.path."""
    file = Path(os.path.abspath(os.path.expanduser(text)))
    if file.is_dir():
        return _directory(file, kind)
    if file.is_file():
        return _file(file, kind)
    if file.exists():
        raise Unclear(f"{text} is neither a file nor a directory")
    if re.fullmatch(r"[^\W\d]\w*(\.\w+)*:[^\W\d]\w*(\.\w+)*", text):
        return _callable(text, kind, sys.path if path is None else path)
    hint = "" if ":" in text or "/" in text else f" (an importable module is written {text.removesuffix('.py')}:NAME)"
    raise Unclear(f"there is no file or directory {text}{hint}")


def _directory(directory: Path, kind: str | None) -> Target:
    if kind in ("handler", "wsgi"):
        raise Unclear(f"{directory} is a directory; --as {kind} takes a file"
                      + (", or module:callable" if kind == "wsgi" else ""))
    try:
        endings = {file.suffix for file in directory.iterdir() if file.is_file()}
    except OSError as why:
        raise Unclear(f"{directory} can't be read: {why.strerror}") from None
    if kind is None:
        kind = "psp" if ".psp" in endings else "publisher" if ".py" in endings else None
    if kind is None:
        raise Unclear(f"{directory} has neither .psp nor .py files: pass the directory that has them, a file,"
                      " or --as publisher|psp")
    return Target(kind, directory)


def _file(file: Path, kind: str | None) -> Target:
    if kind == "publisher":
        raise Unclear(f"{file} is a file; --as publisher takes a directory, such as {file.parent}")
    if kind == "psp" or (kind is None and file.suffix == ".psp"):
        return Target("psp", file)
    if kind is None:
        kind = "wsgi" if file.suffix == ".wsgi" else _kind_of_python(file)
    if kind == "handler" and file.suffix != ".py":
        raise Unclear(f"{file}: the name of a handler file ends in .py")
    return Target(kind, file)


def _kind_of_python(file: Path) -> str:
    if file.suffix != ".py":
        raise Unclear(f"{file} is none of .py, .psp and .wsgi: pass --as handler|psp|wsgi if it is Python all the same")
    names = set(_names(_parse(file)))
    found = [kind for kind, name in (("wsgi", "application"), ("handler", "handler")) if name in names]
    if len(found) == 1:
        return found[0]
    has = "both" if found else "neither"
    other = "and" if found else "nor"
    raise Unclear(f"{file} has {has} a name `application` (WSGI) {other} `handler` (a handler): pass --as handler|wsgi"
                  + ("" if found else f", or {file.stem}:NAME for a WSGI application of another name"))


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as why:
        raise Unclear(f"{file}, line {why.lineno}: {why.msg}") from None
    except (OSError, ValueError) as why:
        raise Unclear(f"{file} can't be read: {why}") from None


def _names(tree: ast.AST) -> Iterator[str]:
    """What a module binds at its top level, also in if, try, with and loops there; `*` for a star import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            yield from _names(node)


def _callable(text: str, kind: str | None, path: Sequence[str]) -> Target:
    module, _, name = text.partition(":")
    if kind not in (None, "wsgi"):
        raise Unclear(f"{text} is neither a file nor a directory, as --as {kind} takes it")
    here = os.getcwd()
    spec = _spec(module, [here, *(entry for entry in path if entry)])
    if spec is None:
        raise Unclear(f"there is no module {module} in {here} or on Python's path, and no file {text}")
    if isinstance(spec.loader, SourceFileLoader) and not _may_have(Path(spec.loader.path), name.partition(".")[0]):
        raise Unclear(f"module {module} ({spec.loader.path}) has no name {name.partition('.')[0]!r} at its top level")
    return Target("wsgi", Path(here), module, name)


def _spec(module: str, path: Sequence[str]) -> ModuleSpec | None:
    """The module's spec; no package is imported for it."""
    spec = None
    where: Sequence[str] | None = path
    name = ""
    for part in module.split("."):
        if where is None:
            return None
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, list(where))
        if spec is None:
            return None
        where = spec.submodule_search_locations
    return spec


def _may_have(file: Path, name: str) -> bool:
    """Whether a module can have the name; true also where only running it would tell."""
    tree = _parse(file)
    names = set(_names(tree))
    return name in names or "*" in names or "__getattr__" in names or file.name == "__init__.py" or any(
        isinstance(node, ast.Name) and node.id in ("globals", "exec", "setattr") for node in ast.walk(tree))
