"""An SQLite connection for all requests of a child process.

PythonImport calls start() before the child's first request. A plain import (in visits.py) finds this very module again:
unlike handler modules it is never reloaded, so the connection stays.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

from mod_python import apache

lock = threading.Lock()  # one connection, many threads: whoever uses it holds this
connection: sqlite3.Connection | None = None


def file() -> Path:
    return Path(str(apache.main_server.get_options()["demo.work"])) / "visits.sqlite3"


def connect() -> sqlite3.Connection:
    """Return the open connection, opening it if there is none. Callers hold the lock. Raises sqlite3.Error."""
    global connection
    if connection is None:
        opened = sqlite3.connect(file(), timeout=5, check_same_thread=False)
        try:
            with opened:
                opened.execute("CREATE TABLE IF NOT EXISTS visits (child INTEGER PRIMARY KEY, count INTEGER NOT NULL)")
        except sqlite3.Error:
            opened.close()
            raise
        connection = opened
    return connection


def start() -> None:
    """Open early. If that fails, say so and go on: the first request tries again."""
    apache.register_cleanup(stop)
    try:
        with lock:
            connect()
    except sqlite3.Error as error:
        apache.log_error(f"demo: cannot open {file()}: {error}; will try again", apache.APLOG_WARNING)


def stop(_data: object = None) -> None:
    """Close, when the child process ends."""
    global connection
    with lock:
        if connection is not None:
            connection.close()
            connection = None


def count_visit() -> list[tuple[int, int]]:
    """Count a visit for this child process and return (child, visits) for all of them. Raises sqlite3.Error."""
    with lock, connect() as transaction:
        transaction.execute(
            "INSERT INTO visits VALUES (?, 1) ON CONFLICT (child) DO UPDATE SET count = count + 1", (os.getpid(),)
        )
        return transaction.execute("SELECT child, count FROM visits ORDER BY child").fetchall()
