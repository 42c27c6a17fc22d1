"""What runs when a child ends: registered cleanups, threading, atexit, in that order, whatever ends the child."""

import re
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path

import pytest
from httpd import Httpd, meanwhile, wait_for

CONF = """
    PythonImport keeper one
    PythonImport keeper two
    <Location />
        SetHandler mod_python
        PythonHandler keeper
    </Location>
    <Location /one>
        PythonInterpreter one
    </Location>
    <Location /two>
        PythonInterpreter two
    </Location>
"""

FILES = {"keeper.py": """
import atexit, os, threading, time
from mod_python import apache

def note(text):
    with open(os.path.join(os.path.dirname(__file__), "logs", "ends"), "a") as stream:
        stream.write("%s %s %s\\n" % (os.getpid(), apache.interpreter, text))

def fails(data):
    note("fails")
    raise LookupError("cleanup failed")

note("preload")
stopped = threading.Event()
apache.register_cleanup(note, "first registered")
apache.register_cleanup(fails)
apache.register_cleanup(note, "last registered")
apache.register_cleanup(lambda data: print("printed in cleanup of", apache.interpreter, data))
atexit.register(note, "atexit")
atexit.register(lambda: print("printed in atexit of", apache.interpreter))
errors = []
for wrong in (None, 5, "text"):
    try:
        apache.register_cleanup(wrong)
    except ValueError:
        errors.append("ValueError")

def handler(req):
    if req.args == "register":
        req.server.register_cleanup(req, note, "registered by a request")
    elif req.args == "work":
        note("works")
        end = time.monotonic() + 1
        while time.monotonic() < end:
            pass
        note("has worked")
    req.write("%s %s" % (os.getpid(), errors))
    return apache.OK
"""}

INTERPRETERS = ("one", "two")
MPMS = ("event", "worker", "prefork")


def ends(root: Path, pid: int) -> dict[str, list[str]]:
    """What a child noted, by interpreter."""
    found: dict[str, list[str]] = {name: [] for name in INTERPRETERS}
    for line in (root / "logs" / "ends").read_text().splitlines():
        noted_by, interpreter, text = line.split(" ", 2)
        if int(noted_by) == pid:
            found[interpreter].append(text)
    return found


def check(server: Httpd, pid: int) -> None:
    for interpreter, notes in ends(server.root, pid).items():
        assert notes == ["preload", *(["registered by a request"] if interpreter == "one" else []),
                         "last registered", "fails", "first registered", "atexit"]
    for interpreter in INTERPRETERS:
        server.claim(r"MP00\d\d: .*\n(?:.*\n)*?.*LookupError: cleanup failed.*")
        assert f"printed in cleanup of {interpreter} None" in server.log_text()
        assert f"printed in atexit of {interpreter}" in server.log_text()


def serve(server: Httpd) -> int:
    pid, _, errors = server.get("/one?register").text.partition(" ")
    assert errors == "['ValueError', 'ValueError', 'ValueError']"
    server.get("/two")
    return int(pid)


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGWINCH])
def test_cleanups_run_when_the_server_stops(tmp_path: Path, mpm: str, how: int) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm) as server:
        pid = serve(server)
        server.end(how)
        check(server, pid)


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("restart", [Httpd.graceful, Httpd.restart])
def test_cleanups_run_at_a_restart(tmp_path: Path, mpm: str, restart: Callable[[Httpd], None]) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm) as server:
        old = serve(server)
        restart(server)
        check(server, old)
        new = serve(server)
        assert new != old
        server.end()
        check(server, new)


@pytest.mark.parametrize("mpm", MPMS)
def test_cleanups_run_when_a_child_has_served_enough(tmp_path: Path, mpm: str) -> None:
    with Httpd(tmp_path, "MaxConnectionsPerChild 5\n" + CONF, FILES, mpm=mpm) as server:
        old = serve(server)

        def replaced() -> bool:
            server.wait_ready()
            return old not in server.child_pids()
        wait_for(replaced, what="the child to be recycled")
        check(server, old)
        server.end()
        server.claim(r"[\s\S]*")


def test_a_handler_of_prefork_comes_to_its_end_first(tmp_path: Path) -> None:
    """httpd ends such a process from its signal handler, and sends SIGTERM twice at once."""
    with Httpd(tmp_path, CONF, FILES, mpm="prefork") as server:
        working = partial(re.search, r"(\d+) one works")
        with suppress(ConnectionError, HTTPException), meanwhile(lambda: server.get("/one?work")):
            found = wait_for(lambda: working((tmp_path / "logs" / "ends").read_text()), what="the handler to work")
            server.process.send_signal(signal.SIGTERM)      # type: ignore[union-attr]
        server.end()
        assert ends(tmp_path, int(found[1]))["one"] == [
            "preload", "works", "has worked", "last registered", "fails", "first registered", "atexit"]
        assert "MP0033" not in server.log_text()
        server.claim(r"[\s\S]*")
