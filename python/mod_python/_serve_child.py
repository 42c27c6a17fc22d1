"""What `mod_python serve` has in each child of httpd: the directory it was run in, and a thread that watches modules.

mod_python loads handlers, pages, and what they import with apache.import_module anew by itself, when they change. For
modules of the import statement only a new process will do: the thread says in the error log that one has changed, and
the command, which reads it, restarts the server.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader

from mod_python import _records, apache

CHANGED = "mod_python serve: changed:"
SECONDS = 0.5
YOUNG_NS = 2_000_000_000

# Files of modules, and their modification times when they were loaded.
_known: dict[str, int | None] = {}


def start() -> None:
    """Called before the first request, and before the target is loaded, as PythonImport has it."""
    assert apache.main_server is not None
    options = apache.main_server.get_options()
    directory = str(options["mod_python.serve.directory"])
    try:
        os.chdir(directory)
    except OSError as why:
        apache.log_error(f"mod_python serve: can't enter {directory} ({why.strerror}): stays in {os.getcwd()}",
                         apache.APLOG_WARNING)
    if options.get("mod_python.serve.watch") == "On":
        _note_what_is_loaded()
        ended = threading.Event()
        apache.register_cleanup(_end, ended)
        threading.Thread(target=_watch, args=(ended,), name="mod_python serve: watch", daemon=True).start()


def note(file: str) -> int | None:
    """A module is loaded from the file now; returns its modification time."""
    now = _known[file] = _time_of(file)
    return now


def _end(ended: threading.Event) -> None:
    ended.set()


def _note_what_is_loaded() -> None:
    """Have the import statement tell us the time of each file that it loads.

    What has changed just now is kept out of .pyc files, by an error that the import statement takes for "no .pyc":
    they know a source by size and second, and would give the old code for the next change in the same second.
    """
    path_stats = SourceFileLoader.path_stats

    def noting(loader: SourceFileLoader, path: str) -> object:
        now = note(path)
        if now is not None and abs(time.time_ns() - now) < YOUNG_NS:
            raise OSError(f"{path} is too young for a .pyc file")
        return path_stats(loader, path)
    SourceFileLoader.path_stats = noting    # type: ignore[method-assign,assignment]


def _watch(ended: threading.Event) -> None:
    while not ended.wait(SECONDS):
        for file in _files():
            now = _time_of(file)
            if _known.setdefault(file, now) != now:
                apache.log_error(f"{CHANGED} {file} {now}", apache.APLOG_NOTICE)
                return


def _files() -> Iterator[str]:
    """The sources of imported modules, without those that mod_python loads anew."""
    for name, module in list(sys.modules.items()):
        record = _records.find(name)
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and (record is None or record.module is not module):
            yield file


def _time_of(file: str) -> int | None:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None
