"""What all threads of this interpreter are doing, for the error log: when a request has run too long."""

import threading
import traceback
from importlib import import_module
from types import FrameType
from typing import Any

from mod_python import _apache

_WARNING = 4

_engine: Any = import_module("mod_wsgi")


def log(interpreter: str, frames: dict[int, FrameType]) -> None:
    """Log the stack of each of these threads, given by what each one is executing."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    requests = {ident: (number, script) for ident, number, script in _engine._running()}
    _say(f"MP0450: the Python stacks of interpreter '{interpreter}' ({len(frames)} threads), the last call last:")
    for ident, frame in frames.items():
        name = names.get(ident, "not one of Python's")
        if ident in requests:
            number, script = requests[ident]
            name = f"thread {number} of the process, with a request for '{script}'"
        _say(f"Thread {ident:#x} ({name}):")
        for entry in traceback.format_stack(frame):
            for line in entry.rstrip("\n").split("\n"):
                _say(line)


def _say(line: str) -> None:
    _apache._log(_WARNING, line.replace("\0", "\\x00"))
