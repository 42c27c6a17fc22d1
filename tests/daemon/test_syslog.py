"""ErrorLog syslog: what is logged goes there, from every process, and nowhere else."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake import Groups, location
from httpd import give_up_root, wait_for
from mounts import be_private, can_mount, put_over

pytestmark = pytest.mark.skipif(not can_mount(), reason="mount(2) is forbidden")

DEVICES = ("null", "zero", "random", "urandom", "full", "tty")


class WithSyslog(Groups):
    """Its /dev is a directory of the test's, where the test is syslog's daemon; the messages are the error log."""

    def _before_exec(self) -> Callable[[], None]:
        own = self.root / "dev"

        def run() -> None:
            be_private()
            for name in (*DEVICES, "shm"):
                put_over(Path("/dev", name), own / name)
            put_over(own, "/dev")
            if not self.root_parent:
                give_up_root()
        return run

    @contextmanager
    def syslog(self) -> Iterator[None]:
        own = self.root / "dev"
        own.mkdir()
        (own / "shm").mkdir()
        (own / "fd").symlink_to("/proc/self/fd")
        for name in DEVICES:
            (own / name).touch()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(os.path.relpath(own / "log"))       # a name for it must be short
            (own / "log").chmod(0o666)

            def write() -> None:
                with open(self.log_file, "ab", buffering=0) as log:
                    while (message := daemon.recv(65536)) != b"end":
                        log.write(message + b"\n")
            thread = threading.Thread(target=write)
            thread.start()
            try:
                yield
            finally:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                    last.sendto(b"end", os.path.relpath(own / "log"))
                thread.join()


VIRTUAL_HOST = """
    <VirtualHost *:${port}>
        ServerName localhost
        ErrorLog syslog:local3:own
        WSGIDaemonProcess inner threads=1
        DocumentRoot ${root}/htdocs
""" + location("inner") + """
    </VirtualHost>
"""


def test_processes_that_log_to_syslog_hear_no_words_of_it(tmp_path: Path) -> None:
    """The supervisor and the processes close what was httpd's: syslog's descriptor, too, and glibc has to know."""
    server = WithSyslog(tmp_path, "shop processes=2 threads=3", "other threads=1", conf="ErrorLog syslog:daemon:mytag")
    with server.syslog(), server:
        server.ready(3)
        pids = {*server.started("shop"), *server.started("other")}
        for _ in range(5):
            assert server.get("/shop?log=from-a-request+head+say=x").text == "x"
        assert {server.pid_of("shop"), server.pid_of("other")} <= pids
        assert "MP0456" not in server.log_text() and "MP0408" not in server.log_text()
        first = server.started("other")[0]
        os.kill(first, signal.SIGKILL)
        server.claim(f"MP0417: Process 'other' .pid={first}. has died")     # the supervisor's
        server.ready(4)
        pids = {*pids - {first}, server.pid_of("other")}
        wait_for(lambda: all(f" mytag[{pid}]: " in server.log_text() for pid in pids))
        priorities = {line[:line.index(">") + 1] for line in server.log_text().splitlines() if "daemon process" in line}
        assert priorities == {"<30>"}       # daemon.info


def test_a_group_of_a_virtual_host_logs_to_its_syslog(tmp_path: Path) -> None:
    main = tmp_path / "logs" / "main_log"
    server = WithSyslog(tmp_path, conf=f"ErrorLog {main}\n" + VIRTUAL_HOST, files={"htdocs/inner": ""})
    with server.syslog():
        server._started = lambda: main.exists() and "resuming" in main.read_text()      # type: ignore[method-assign]
        with server:
            server.ready()
            [pid] = server.started("inner")
            assert server.get("/inner?head+log=said+say=x").text == "x"
            assert wait_for(lambda: f" own[{pid}]: " in server.log_text() and "inner" not in main.read_text())
            assert server.pid_of("inner") == pid
