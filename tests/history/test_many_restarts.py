"""Twenty graceful and twenty hard restarts under load: the parent stays and nothing crashes (#46)."""

import signal
import threading
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from httpd import Httpd, at_once, wait_for

CONF = """
    PythonImport busy one
    KeepAlive Off
    <Location />
        SetHandler mod_python
        PythonHandler busy
    </Location>
    <Location /one>
        PythonInterpreter one
    </Location>
"""

FILES = {"busy.py": """
import threading, datetime, decimal
from mod_python import apache

local = threading.local()

def handler(req):
    local.seen = getattr(local, "seen", 0) + 1
    lock = threading.Lock()
    with lock:
        req.write("%s" % req.server.my_generation)
    return apache.OK
"""}


@pytest.mark.parametrize(("number", "mpm"), [
    (signal.SIGUSR1, "event"),
    (signal.SIGHUP, "prefork"),     # event of httpd 2.4.71 may crash by itself, see wait_quiet()
])
def test_twenty_restarts_under_load(tmp_path: Path, number: int, mpm: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, children=2, threads=8) as server:
        parent, done = server.pid, threading.Event()

        def restart() -> None:
            before = server.log_text().count("resuming normal operations")
            server.signal(number)
            wait_for(lambda: server.log_text().count("resuming normal operations") > before)
            wait_for(serves)

        def serves() -> bool:
            with suppress(OSError, HTTPException):         # hard restarts cut connections
                return server.get("/one").status == 200
            return False

        def work(index: int) -> int:
            if index == 0:
                try:
                    for _ in range(20):
                        restart()
                finally:
                    done.set()
                return 0
            served = 0
            while not done.is_set():
                try:
                    served += server.get("/one" if index % 2 else "/").status == 200
                except (OSError, HTTPException):
                    if number == signal.SIGUSR1:
                        raise
            return served
        try:
            assert sum(at_once(3, work)) > 20
        finally:
            done.set()
        assert server.pid == parent and server.process is not None and server.process.poll() is None
        wait_for(lambda: server.get("/").text == "20")
