"""PythonEnablePdb: handlers under pdb, on the terminal that `httpd -X` was started from."""

import bdb
import pdb
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TextIO

from mod_python import _apache

TERMINAL = "/dev/tty"
_WARNING = 4

_terminal_is_taken = threading.RLock()      # requests of other threads wait for their turn


class _Debugger(pdb.Pdb):
    """Pdb that knows whether it was told to quit: runcall() alone would return None."""

    was_left = False

    def set_quit(self) -> None:
        self.was_left = True
        super().set_quit()


def run(function: Callable[[Any], object], argument: object) -> object:
    """Return function(argument). BdbQuit if the one at the terminal left the debugger."""
    with ExitStack() as stack:
        terminal = _open_terminal(stack)
        if terminal is None:
            return function(argument)
        stack.enter_context(_terminal_is_taken)
        stack.callback(sys.settrace, sys.gettrace())
        debugger = _Debugger(stdin=terminal[0], stdout=terminal[1], skip=["bdb", __name__], nosigint=True)
        result: object = debugger.runcall(function, argument)
        if debugger.was_left:
            raise bdb.BdbQuit("the debugger was told to quit; the handler did not run to its end")
        return result


def _open_terminal(stack: ExitStack) -> tuple[TextIO, TextIO] | None:
    try:
        return (stack.enter_context(open(TERMINAL, encoding="utf-8", errors="replace")),
                stack.enter_context(open(TERMINAL, "w", encoding="utf-8", errors="backslashreplace")))
    except OSError as error:
        _apache._log(_WARNING, f"MP0094: PythonEnablePdb: there is no terminal to debug on ({error}); the handler runs "
                     "without pdb. Start httpd -X in a terminal")
        return None
