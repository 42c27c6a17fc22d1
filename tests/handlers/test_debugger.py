"""PythonEnablePdb: handlers under pdb on the terminal of a single process, and nowhere else."""

import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from client import RawClient
from httpd import Httpd, meanwhile, wait_for

MPMS = ("event", "prefork")
CONF = """
    <Location /debugged>
        SetHandler mod_python
        PythonHandler steps
        PythonEnablePdb On
    </Location>
    <Location /plain>
        SetHandler mod_python
        PythonHandler steps::plain
    </Location>
    <Location /filtered.txt>
        PythonOutputFilter steps::louder LOUDER
        SetOutputFilter LOUDER
        PythonEnablePdb On
    </Location>
    Listen 127.0.0.1:${connection}
    <VirtualHost 127.0.0.1:${connection}>
        PythonConnectionHandler steps
        PythonEnablePdb On
    </VirtualHost>
"""
PORTS = ("connection",)
FILES = {"htdocs/filtered.txt": "text", "steps.py": """
import sys
from mod_python import apache

def handler(req):
    number = 20
    number += 1
    req.write("the number is %s" % number)
    return apache.OK

def plain(req):
    req.write(repr([sys.gettrace(), req.get_config().get("PythonEnablePdb")]))
    return apache.OK

def louder(filter):
    text = filter.read()
    if text:
        filter.write(text.upper())
    filter.pass_on()

def connectionhandler(conn):
    conn.write("from the connection")
    return apache.OK
"""}


class Terminal:
    """The far end of a pseudo terminal: what pdb shows, and what is typed."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.shown = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := os.read(self.master, 4096):
                self.shown += data.decode()
        except OSError:
            pass

    def type(self, command: str) -> str:
        """Waits for the prompt, types the command, and returns what had been shown."""
        wait_for(lambda: self.shown.rstrip().endswith("(Pdb)"), what="pdb's prompt")
        shown, self.shown = self.shown, ""
        os.write(self.master, command.encode() + b"\n")
        return shown


@contextmanager
def debugging(directory: Path, mpm: str, conf: str = CONF, argument: str = "-X") -> Iterator[tuple[Httpd, Terminal]]:
    master, slave = pty.openpty()
    server = Httpd(directory, conf, FILES, mpm=mpm, ports=PORTS, arguments=(argument,), terminal=os.ttyname(slave))
    try:
        with server:
            yield server, Terminal(master)
    finally:
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize("mpm", MPMS)
def test_a_handler_runs_under_pdb(tmp_path: Path, mpm: str) -> None:
    with debugging(tmp_path, mpm) as (server, terminal):
        for _ in range(2):
            with meanwhile(lambda: server.get("/debugged")) as answers:
                assert re.search(r"steps\.py\(\d+\)handler\(\)\s+-> number = 20", terminal.type("p 1+1"))
                assert re.search(r"^2\s", terminal.type("n").partition("p 1+1")[2].lstrip(), re.M)
                assert "-> number += 1" in terminal.type("number = 41")
                terminal.type("c")
            assert (answers[0].status, answers[0].text) == (200, "the number is 42")
        assert server.get("/plain").text == "[None, None]"


@pytest.mark.parametrize("mpm", MPMS)
def test_a_filter_runs_under_pdb(tmp_path: Path, mpm: str) -> None:
    with debugging(tmp_path, mpm) as (server, terminal):
        with meanwhile(lambda: server.get("/filtered.txt")) as answers:
            assert re.search(r"steps\.py\(\d+\)louder\(\)\s+-> text = filter.read\(\)", terminal.type("n"))
            terminal.type("text = b'other'")
            terminal.type("c")
        assert (answers[0].status, answers[0].text) == (200, "OTHER")


@pytest.mark.parametrize("mpm", MPMS)
def test_to_quit_is_an_error_and_tracing_is_off_afterwards(tmp_path: Path, mpm: str) -> None:
    with debugging(tmp_path, mpm) as (server, terminal):
        with meanwhile(lambda: server.get("/debugged")) as answers:
            terminal.type("q")
        assert answers[0].status == 500
        server.claim_failure("PythonHandler steps", "bdb.BdbQuit: the debugger was told to quit")
        assert server.get("/plain").text == "[None, None]"
        with meanwhile(lambda: server.get("/debugged")) as answers:
            terminal.type("c")
        assert answers[0].text == "the number is 21"


def test_pdb_may_step_out_of_the_handler(tmp_path: Path) -> None:
    with debugging(tmp_path, "event") as (server, terminal):
        with meanwhile(lambda: server.get("/debugged")) as answers:
            terminal.type("r")
            assert "--Return--" in terminal.type("n")
        assert answers[0].text == "the number is 21"


def test_one_process_is_enough(tmp_path: Path) -> None:
    with debugging(tmp_path, "event", argument="-DONE_PROCESS") as (server, terminal):
        with meanwhile(lambda: server.get("/debugged")) as answers:
            terminal.type("c")
        assert answers[0].text == "the number is 21"


def test_connection_handlers_run_under_pdb(tmp_path: Path) -> None:
    with debugging(tmp_path, "event") as (server, terminal), RawClient(server.ports["connection"]) as client:
        assert "connectionhandler()" in terminal.type("p conn.client_ip")
        assert "127.0.0.1" in terminal.type("c")
        assert client.receive_all() == b"from the connection"


def test_without_a_terminal_the_handler_runs_as_ever(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES, ports=PORTS, arguments=("-X",)) as server:
        assert server.get("/debugged").text == "the number is 21"
        server.claim("MP0094: PythonEnablePdb: there is no terminal to debug on .*/dev/tty")


@pytest.mark.parametrize("mpm", MPMS)
def test_with_several_processes_it_is_ignored_with_one_warning(tmp_path: Path, mpm: str) -> None:
    with debugging(tmp_path, mpm, argument="-DFOREGROUND") as (server, terminal):
        for _ in range(3):
            assert server.get("/debugged").text == "the number is 21"
        server.claim("MP0093: PythonEnablePdb is ignored")
        assert "MP0093" not in server.unclaimed()
        assert terminal.shown == ""


def test_the_setting_is_shown(tmp_path: Path) -> None:
    conf = CONF + "PythonEnablePdb Off\n"
    with Httpd(tmp_path, conf, FILES, ports=PORTS) as server:
        assert server.get("/plain").text == "[None, '0']"
