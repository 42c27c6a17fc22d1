"""What PythonOption says of sessions: each value is read by its name, or by the one that mod_python 3.2 had for it."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mod_python._apache import mp_request

COOKIE_NAME = "pysid"
DFT_TIMEOUT = 1800              # seconds without a request until a session is over
DFT_LOCK = True
CLEANUP_CHANCE = 1000           # one request in so many cleans up
DFT_FAST_CLEANUP = True
DFT_VERIFY_CLEANUP = True
DFT_GRACE_PERIOD = 240
DFT_CLEANUP_TIME_LIMIT = 2
tempdir = tempfile.gettempdir()

_APLOG_DEBUG = 7
_FLAGS = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}


def text(req: mp_request, name: str, old: str | None = None) -> str | None:
    """The value of an option; None if it is not there or empty."""
    options = req.get_options()
    value = options.get(name)
    if not value and old is not None:
        value = options.get(old)
        if value:
            req.log_error(f"MP0135: PythonOption {old} is now called {name}", _APLOG_DEBUG)
    return value or None


def flag(req: mp_request, name: str, default: bool, old: str | None = None) -> bool:
    """Raises ValueError for what is neither yes nor no."""
    value = text(req, name, old)
    if value is None:
        return default
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise ValueError(f"PythonOption {name} must be yes, true or 1, or no, false or 0, not {value!r}") from None


def number(req: mp_request, name: str, default: int, old: str | None = None, least: int = 0) -> int:
    """Raises ValueError for what is no whole number, or too small."""
    value = text(req, name, old)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) >= least):
        raise ValueError(f"PythonOption {name} must be a whole number, {least} or more, not {value!r}")
    return int(value)


def path(req: mp_request, name: str, old: str | None = None) -> str | None:
    """The path that an option gives; a relative one is below httpd's ServerRoot."""
    value = text(req, name, old)
    if value is None:
        return None
    from mod_python import _apache
    return os.path.join(_apache.server_root(), value)


def directory(req: mp_request, own: str) -> str:
    """Where a store has its files: as its own option says, or that of all stores, else the system's temporary one."""
    return (path(req, own) or path(req, "mod_python.session.database_directory", "session_directory") or tempdir)
