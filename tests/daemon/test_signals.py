"""SEC-57: signals at any time of a process's start leave no process unsupervised, none crashed, and the group whole."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from fake import Groups
from httpd import Httpd, processes, wait_for

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2, signal.SIGXCPU, signal.SIGWINCH)


def shower(server: Httpd, group: str, seconds: float) -> tuple[int, int]:
    """Sends signals to processes as soon as they are there; how many signals, and the supervisor."""
    parents = {pid: parent for pid, parent, _, _ in processes()}
    [supervisor] = {parents[pid] for pid in server.started(group) if pid in parents}    # type: ignore[attr-defined]
    end, sent, seen = time.monotonic() + seconds, 0, set()
    while time.monotonic() < end:
        for pid, parent, _, state in processes():
            if parent == supervisor and state != "Z" and pid not in seen:
                seen.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGNALS[sent % len(SIGNALS)])
                    sent += 1
        if len(seen) > 3:
            seen.clear()
    return sent, supervisor


def test_signals_during_the_start_of_processes(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=3 threads=2") as server:
        server.ready(3)
        sent, supervisor = shower(server, "shop", 1.5)
        assert sent > 100

        def is_whole() -> bool:
            mine = [pid for pid, parent, _, state in processes() if parent == supervisor and state != "Z"]
            return len(mine) == 3 and set(mine) <= set(server.started("shop"))
        wait_for(is_whole, what="three processes")
        assert {server.get("/shop?head").status for _ in range(10)} == {200}
        assert "MP0408" not in server.log_text() and "has died" not in server.log_text()
        server.end()


def test_signals_while_python_starts(tmp_path: Path) -> None:
    conf = "WSGIDaemonProcess shop processes=2 threads=2\nWSGIScriptAlias /shop ${root}/app.wsgi process-group=shop\n" \
           "<Directory ${root}>\nRequire all granted\n</Directory>"
    script = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'well']\n"

    class Site(Groups, Httpd):
        def __init__(self) -> None:
            Httpd.__init__(self, tmp_path, conf, {"app.wsgi": script})

        def python_lines(self) -> str:
            return Httpd.python_lines(self)
    with Site() as server:
        server.ready(2)
        sent, _ = shower(server, "shop", 1.5)
        assert sent > 10
        wait_for(lambda: server.get("/shop").text == "well")
        assert "has died" not in server.log_text()
