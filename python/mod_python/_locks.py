"""The locks under which modules are loaded: importlib's own, one per module name.

Loading by the importer and loading by the import statement wait for each other, across threads and in any order. Only
one set of locks can see a circle of waiting threads, and importlib's does: that is why this reaches for a private name
of importlib's (the same on CPython 3.10 to 3.14) instead of making locks of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import _bootstrap
from typing import Any

_manager: Any = getattr(_bootstrap, "_ModuleLockManager")  # noqa: B009 - not in the type stubs
Deadlock: type[Exception] = getattr(_bootstrap, "_DeadlockError")  # noqa: B009


@contextmanager
def module_lock(name: str) -> Iterator[bool]:
    """Hold the lock of a module name; re-entrant.

    Gives False, without the lock, where waiting would never end: another thread has the lock and waits for a module
    that this thread is loading, so the two modules import each other.
    """
    lock = _manager(name)
    try:
        lock.__enter__()
    except Deadlock:
        held = False
    else:
        held = True
    try:
        yield held
    finally:
        if held:
            lock.__exit__(None, None, None)
