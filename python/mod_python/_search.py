"""sys.path, as PythonPath and the handlers' directories make it, and the directories of mod_python.importer.path."""

import os
import sys
from types import ModuleType
from typing import Any

from mod_python import _apache
from mod_python._locks import module_lock

_WARNING = 4

# The names that an expression may use: those of mod_python.apache, which sets it.
namespace: dict[str, Any] = {}

_initial = list(sys.path)
_evaluated: dict[str, list[str]] = {}
_met: list[str] = []            # PythonPath texts, in the order in which sys.path was made from them
_added: list[str] = []          # handlers' directories


class _Sys(ModuleType):
    """`sys` as an expression sees it: `path` is what the interpreter started with, whoever came first."""

    def __init__(self) -> None:
        super().__init__("sys")
        self.path = list(_initial)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def evaluate(directive: str, text: str) -> list[str]:
    """The directories that a Python expression gives; evaluated once per text.

    Raises what the expression raises, and TypeError if it gives no list of names.
    """
    with module_lock("mod_python " + directive):
        if text not in _evaluated:
            _evaluated[text] = _directories(directive, text)
        return _evaluated[text]


def _directories(directive: str, text: str) -> list[str]:
    value = eval(text, dict(namespace, sys=_Sys()))  # the administrator's own expression
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{directive} must be an expression that gives a list of directories, like"
                        f" \"sys.path + ['/srv/app']\"; {text} gives {type(value).__name__}")
    found: list[str] = []
    for entry in value:
        if not isinstance(entry, str):
            _apache._log(_WARNING, f"{directive} {text}: {entry!r} is no str, and is left out")
            continue
        if entry and not os.path.isabs(entry):
            _apache._log(_WARNING, f"{directive} {text}: {entry!r} is relative to the directory that httpd runs in;"
                         " write the whole path")
        found.append(entry)
    return found


def apply(path: str | None, directory: str | None) -> list[str]:
    """Give sys.path what a handler is entitled to; return the directories that its own modules are in.

    With PythonPath (`path`), its list becomes sys.path when it is first met; what other texts and handlers' directories
    gave stays behind it. Without, the handler's directory comes first in sys.path, once.
    """
    if path is not None:
        search = evaluate("PythonPath", path)
        with module_lock("mod_python sys.path"):
            if path not in _met:
                earlier = [entry for text in reversed(_met) for entry in _evaluated[text]] + _added
                sys.path[:] = search + [entry for entry in dict.fromkeys(earlier) if entry not in search]
                _met.append(path)
        return search
    if directory is None:
        return []
    plain = directory.rstrip("/") or "/"
    with module_lock("mod_python sys.path"):
        if plain not in sys.path and directory not in sys.path:
            sys.path.insert(0, plain)
            _added.append(plain)
    return [plain]
