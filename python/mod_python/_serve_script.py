"""The WSGI file of `mod_python serve`, for mod_python.wsgi, which takes modules by name only."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from mod_python import _scripts, _serve_child, apache


def load() -> ModuleType:
    """The file as a module; it is loaded before the first request, and again only if that has failed."""
    assert apache.main_server is not None
    file = str(apache.main_server.get_options()["mod_python.serve.script"])
    name = "_mod_wsgi_" + hashlib.md5(os.fsencode(file), usedforsecurity=False).hexdigest()
    if name not in sys.modules:
        _serve_child.note(file)
    return _scripts.load(file, name, file, reloading=False)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Calls the file's `application`."""
    module = load()
    if not hasattr(module, "application"):
        raise AttributeError(f"{module.__file__} has no name `application`")
    result: Iterable[bytes] = module.application(environ, start_response)
    return result
