"""Modules of mod_wsgi's that are there by name only: `apache`, and the package mod_wsgi that may be installed."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def package_path() -> list[str]:
    """Where the installed package's sub-modules are, for `import mod_wsgi.server`; AttributeError if there is none."""
    spec = PathFinder.find_spec("mod_wsgi", sys.path)
    if spec is None or spec.submodule_search_locations is None:
        raise AttributeError("module 'mod_wsgi' has no attribute '__path__'")
    return list(spec.submodule_search_locations)


class _ApacheFinder(MetaPathFinder, Loader):
    """Finds `apache` where nothing else does: a module of the application's of that name comes first."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, origin="built-in") if name == "apache" else None

    def exec_module(self, module: ModuleType) -> None:
        engine: Any = import_module("mod_wsgi")
        module.__doc__ = "What httpd says of itself."
        module.__dict__.update(engine._facts(), maximum_processes=engine.maximum_processes,
                               threads_per_process=engine.threads_per_process)


def install() -> None:
    """Once in each interpreter."""
    sys.meta_path.append(_ApacheFinder())
