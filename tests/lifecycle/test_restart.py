"""Graceful and hard restarts: requests are not lost, the parent stays, nothing piles up."""

import os
import signal
import threading
from pathlib import Path

import pytest
from httpd import Httpd, at_once, wait_for

CONF = """
    PythonImport slow preloaded
    KeepAlive Off
    <Location />
        SetHandler mod_python
        PythonHandler slow
    </Location>
    <Location /preloaded>
        PythonInterpreter preloaded
    </Location>
"""

FILES = {"slow.py": """
import os, threading, time
from mod_python import apache

def handler(req):
    if req.args == "wait":
        with open(os.path.join(os.path.dirname(__file__), "run", "waiting"), "w") as file:
            file.write("%s\\n" % os.getpid())
        gate = os.path.join(os.path.dirname(__file__), "run", "gate")
        pause = threading.Event()
        for _ in range(2000):
            if os.path.exists(gate):
                break
            pause.wait(0.01)
    req.write("%s %s" % (os.getpid(), req.server.my_generation))
    return apache.OK
"""}

MPMS = ("event", "worker", "prefork")


@pytest.mark.parametrize("mpm", MPMS)
def test_graceful_restarts_under_load_lose_no_request(tmp_path: Path, mpm: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, children=2, threads=8) as server:
        parent, done = server.pid, threading.Event()

        def work(index: int) -> set[int]:
            if index == 0:
                for _ in range(3):
                    server.graceful()
                done.set()
                return set()
            seen = set()
            while not done.is_set():
                seen.add(server.get("/preloaded" if index % 2 else "/").status)
            return seen
        try:
            assert set().union(*at_once(5, work)) == {200}
        finally:
            done.set()
        assert server.pid == parent
        assert server.get("/").text.split()[1] == "3"


@pytest.mark.parametrize("mpm", MPMS)
def test_a_graceful_restart_lets_a_running_request_end(tmp_path: Path, mpm: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, children=2, threads=4) as server:
        waiting, before = tmp_path / "run" / "waiting", server.child_pids()
        with server.raw() as client:
            client.send_request("GET", "/?wait", {"Connection": "close"})
            wait_for(lambda: waiting.exists() and waiting.read_text().endswith("\n"))
            old = int(waiting.read_text())
            server.signal(signal.SIGUSR1)
            wait_for(lambda: server.child_pids() - before)
            assert int(server.get("/").text.split()[0]) != old
            server.write("run/gate", "")
            assert int(client.response().text.split()[0]) == old
        wait_for(lambda: old not in server.child_pids())


def test_hard_restarts_start_afresh(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        for _ in range(3):
            server.restart()
            assert server.get("/preloaded").status == 200


def test_restarts_leave_no_file_descriptors_in_the_parent(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        server.graceful()
        before = len(os.listdir(f"/proc/{server.pid}/fd"))
        for _ in range(3):
            server.graceful()
        assert len(os.listdir(f"/proc/{server.pid}/fd")) == before


def test_the_parent_never_loads_python(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        server.get("/")
        server.graceful()
        assert "libpython" not in Path(f"/proc/{server.pid}/maps").read_text()
        (child,) = server.child_pids()
        assert "mod_python_engine" in Path(f"/proc/{child}/maps").read_text()


def test_a_changed_configuration_is_in_effect_after_a_graceful_restart(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        file = tmp_path / "conf" / "httpd.conf"
        file.write_text(file.read_text() + "PythonImport slow other\n<Location />\nPythonOption a b\n</Location>\n")
        server.graceful()
        assert server.get("/").text.split()[1] == "1"


def test_a_killed_child_is_replaced(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        (old,) = server.child_pids()
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: server.child_pids() and old not in server.child_pids())
        assert server.get("/preloaded").status == 200
