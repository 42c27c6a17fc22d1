"""What the configuration says about this interpreter: <WSGIInterpreterOptions>, WSGIPythonPath and the like."""

from __future__ import annotations

import os
import signal
import site
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mod_python import _apache

_INFO = 6


def apply(home: str | None, path: str, restrict_stdin: bool, restrict_stdout: bool, restrict_signal: bool,
          switch_interval: float | None) -> None:
    """Set it up, once, when the interpreter starts."""
    if path:
        add_to_path(path.split(":"))
    if home is not None:        # a directory like any other: its .pth files are none of ours
        sys.path[:] = [home, *(entry for entry in sys.path if entry != home)]
    debugging = _apache.exists_config_define("ONE_PROCESS")     # httpd -X: somebody may want pdb
    if restrict_stdin and not debugging:
        sys.stdin = Restricted("sys.stdin")
    if restrict_stdout and not debugging:
        sys.stdout = Restricted("sys.stdout")
    if restrict_signal:
        signal.signal = _restricted(signal.signal, os.getpid())
    if switch_interval is not None:
        sys.setswitchinterval(switch_interval)


def add_to_path(directories: list[str]) -> None:
    """Put directories in front of sys.path, as site directories: what their .pth files say counts."""
    before = list(sys.path)
    for directory in directories:
        if directory:
            site.addsitedir(directory)
    known = set(before)
    sys.path[:] = [entry for entry in sys.path if entry not in known] + before


class Restricted:
    """In the place of a standard stream that must not be used: whatever is asked of it raises OSError."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __getattribute__(self, attribute: str) -> Any:
        if attribute == "__class__":
            return Restricted
        _refuse(self)

    def __setattr__(self, attribute: str, value: Any) -> None:
        _refuse(self)

    def __delattr__(self, attribute: str) -> None:
        _refuse(self)


# Programs compare this name.
Restricted.__module__ = "mod_wsgi"


def _refuse(stream: Restricted) -> None:
    name = object.__getattribute__(stream, "_name")
    raise OSError(f"{name} access restricted by mod_wsgi")


def _restricted(real: Callable[..., Any], process: int) -> Any:
    """signal.signal() of applications: signals are httpd's. What it forks may have its own."""

    def signal(signalnum: Any, handler: Any, /) -> Any:
        if os.getpid() != process:
            return real(signalnum, handler)
        _apache._log(_INFO, f"MP0361: signal.signal({signalnum!r}, ...) registers nothing, because signals are"
                            " httpd's; WSGIRestrictSignal Off lets it through. It was called here:")
        for entry in traceback.format_stack(sys._getframe(1)):
            for line in entry.rstrip("\n").split("\n"):
                _apache._log(_INFO, line)
        return handler

    return signal
