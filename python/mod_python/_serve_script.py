"""The WSGI file of `mod_python serve`, for mod_python.wsgi, which takes modules by name only."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from mod_python import apache, importer


def load() -> None:
    """Loads the file before the first request."""
    importer.preload_script(_file())


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Calls the file's `application`."""
    load()      # again, if it failed before
    name = "_mod_wsgi_" + hashlib.md5(os.fsencode(_file()), usedforsecurity=False).hexdigest()
    found = getattr(sys.modules[name], "application", None)
    if found is None:
        raise AttributeError(f"{_file()} has no name `application`")
    result: Iterable[bytes] = found(environ, start_response)
    return result


def _file() -> str:
    assert apache.main_server is not None
    return str(apache.main_server.get_options()["mod_python.serve.script"])
