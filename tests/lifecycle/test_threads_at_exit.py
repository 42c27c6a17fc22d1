"""Threads that applications start neither hang nor crash the end of a child."""

import http.client
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from httpd import Httpd, at_once

MPMS = ("event", "worker", "prefork")

CONF = """
    <Location />
        SetHandler mod_python
        PythonHandler spawn
    </Location>
    <Location /main>
        PythonInterpreter main_interpreter
    </Location>
    <Location /own>
        PythonInterpreter own
    </Location>
"""

FILES = {"spawn.py": """
import atexit, concurrent.futures, os, threading
from mod_python import apache

stop = threading.Event()
atexit.register(stop.set)
pools = []
connections = threading.local()

class Connection:
    def __del__(self):
        self.closed = True

def busy():
    while not stop.wait(0.001):
        sum(range(1000))

def forever():
    threading.Event().wait()

def spin():
    while True:
        pass

def ends_soon():
    threading.Event().wait(0.05)
    with open(os.path.join(os.path.dirname(__file__), "logs", "ended"), "a") as stream:
        stream.write("ended\\n")

def handler(req):
    connections.one = Connection()
    kind = req.args or "none"
    if kind == "daemon":
        threading.Thread(target=forever, daemon=True).start()
    elif kind == "busy":
        threading.Thread(target=busy, daemon=True).start()
    elif kind == "spin":
        threading.Thread(target=spin, daemon=True).start()
    elif kind == "normal":
        threading.Thread(target=ends_soon, daemon=False).start()
    elif kind == "endless":
        threading.Thread(target=forever, daemon=False).start()
    elif kind == "timer":
        threading.Timer(0.02, ends_soon).start()
    elif kind == "pool":
        pool = concurrent.futures.ThreadPoolExecutor(4)
        pools.append(pool)
        list(pool.map(len, ["a"] * 20))
    req.write(kind)
    return apache.OK
"""}


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGWINCH])
@pytest.mark.parametrize("kind", ["none", "daemon", "busy", "normal", "timer", "pool", "spin"])
def test_the_child_ends_with_threads_around(tmp_path: Path, mpm: str, how: int, kind: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, threads=4) as server:
        for path in ("/main", "/own", "/"):
            # Up to 3.12 CPython lets a thread that never waits starve all other interpreters: runtime/test_busy.py.
            wanted = "none" if kind == "spin" and path != "/" else kind
            assert server.get(f"{path}?{wanted}").text == wanted
        server.end(how)


def test_threads_that_end_are_waited_for(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        for path in ("/", "/main", "/own"):
            server.get(f"{path}?normal")
        server.end(signal.SIGWINCH)
        assert (tmp_path / "logs" / "ended").read_text() == "ended\n" * 3


def test_a_thread_that_never_ends_does_not_hold_the_child(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        server.get("/?endless")
        server.end(signal.SIGWINCH)
        server.claim(r"[\s\S]*")


@pytest.mark.parametrize("mpm", MPMS)
def test_the_child_ends_in_the_middle_of_requests(tmp_path: Path, mpm: str) -> None:
    how = signal.SIGWINCH if mpm == "event" else signal.SIGTERM     # wait_quiet() says why
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, children=2, threads=8) as server:
        def work(index: int) -> None:
            path = ("/", "/main", "/own")[index % 3]
            with suppress(OSError, http.client.HTTPException):      # until the server is gone
                server.get(path + "?busy")
                if index == 0:
                    server.signal(how)
                while True:
                    server.get(path)
        at_once(8, work)
        server.end()
        server.claim(r"(?:.*\n)*")      # writes to connections that httpd has closed
        assert not re.search(r"exit signal|still did not exit|Fatal", server.log_text())
