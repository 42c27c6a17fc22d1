"""SEC-57: signals at any time of a process's start leave no process unsupervised, none crashed, and the group whole."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

from client import TIMEOUT
from fake import Groups
from httpd import Httpd, processes, wait_for

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2, signal.SIGXCPU,
           signal.SIGWINCH)


def started(server: Httpd) -> list[int]:
    """The processes that have been ready, in order."""
    return [int(pid) for pid in re.findall(r"\(pid=(\d+)\) is ready", server.log_text())]


def shower(server: Httpd, count: int, signals: int) -> int:
    """Sends so many signals to processes, as soon as they are there; the supervisor."""
    wait_for(lambda: len(started(server)) == count)
    parents = {pid: parent for pid, parent, _, _ in processes()}
    supervisor = parents[started(server)[0]]
    deadline, sent = time.monotonic() + TIMEOUT, 0
    seen: set[int] = set()
    while sent < signals:
        assert time.monotonic() < deadline, f"only {sent} signals could be sent"
        for pid, parent, _, state in processes():
            if parent == supervisor and state != "Z" and pid not in seen:
                seen.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGNALS[sent % len(SIGNALS)])
                    sent += 1
        if len(seen) > count:
            seen.clear()
    return supervisor


def test_signals_during_the_start_of_processes(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=3 threads=2") as server:
        supervisor = shower(server, 3, 60)

        def is_whole() -> bool:
            mine = [pid for pid, parent, _, state in processes() if parent == supervisor and state != "Z"]
            return len(mine) == 3 and set(mine) <= set(started(server))
        wait_for(is_whole, what="three processes")
        assert {server.get("/shop?head").status for _ in range(10)} == {200}
        assert "MP0408" not in server.log_text() and "has died" not in server.log_text()


def test_signals_while_python_starts(tmp_path: Path) -> None:
    conf = """
        WSGIDaemonProcess shop processes=2 threads=2
        WSGIScriptAlias /shop ${root}/app.wsgi process-group=shop
        <Directory ${root}>
            Require all granted
        </Directory>
    """
    script = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'well']\n"
    with Httpd(tmp_path, conf, {"app.wsgi": script}) as server:
        shower(server, 2, 20)
        wait_for(lambda: server.get("/shop").text == "well")
        assert "has died" not in server.log_text()
