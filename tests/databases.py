"""A Redis and a PostgreSQL of the test run's own: on unix sockets in a temporary directory, ended by their own pid.

Where one is not installed, the test is skipped with the reason; in CI (environment: CI) it fails. PostgreSQL does not
run as root: it gets the user that its package made, or nobody.
"""

from __future__ import annotations

import importlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from httpd import wait_for


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed; .ci/run installs it")
    pytest.skip(f"{what} is not installed")


def library(name: str) -> ModuleType:
    """A Python package of tests/requirements.txt."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"the Python package {name}")


@contextmanager
def directory() -> Iterator[Path]:
    """A short path, for sockets, that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="mp-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def start(command: list[str], output: Path, **options: Any) -> subprocess.Popen[bytes]:
    with open(output, "ab") as stream:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, **options)


def wait_until_up(process: subprocess.Popen[bytes], path: Path, output: Path) -> None:
    def up() -> bool:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended:\n{output.read_text(errors='replace')}")
        return accepts(path)
    wait_for(up, what=f"{path} to accept connections")


class Redis:
    """redis-server or valkey-server."""

    def __init__(self, place: Path) -> None:
        self.program = shutil.which("redis-server") or shutil.which("valkey-server")
        if self.program is None:
            missing("redis-server")
        self.place, self.socket = place, place / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start([str(self.program), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm",
                              "777", "--save", "", "--appendonly", "no", "--dir", str(self.place)],
                             self.place / "redis.log")
        wait_until_up(self.process, self.socket, self.place / "redis.log")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


class PostgreSQL:
    """A cluster of its own, with trust for all who reach its socket."""

    def __init__(self, place: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: float(file.parts[4]))
        initdb = str(found[-1]) if found else shutil.which("initdb")
        if initdb is None:
            missing("postgresql")
        self.bin = Path(initdb).resolve().parent
        self.place, self.data = place, place / "data"
        self.socket = place / ".s.PGSQL.5432"
        self.conninfo = f"host={place} user=mp dbname=postgres"
        self.process: subprocess.Popen[bytes] | None = None
        self.options: dict[str, Any] = {"cwd": "/"}
        if os.getuid() == 0:
            user = next(entry for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)
            self.options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(place, user.pw_uid, user.pw_gid)
        with open(place / "initdb.log", "wb") as log:
            done = subprocess.run([self.bin / "initdb", "-D", self.data, "-A", "trust", "-U", "mp", "--no-sync",
                                   "--no-locale", "-E", "UTF8"], stdout=log, stderr=log, **self.options)
        assert done.returncode == 0, (place / "initdb.log").read_text(errors="replace")

    def start(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": self.place, "unix_socket_permissions": "0777",
                    "fsync": "off", "max_connections": "100", "shared_buffers": "16MB"}
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = start([str(self.bin / "postgres"), "-D", str(self.data), *arguments], self.place / "log",
                             **self.options)
        wait_until_up(self.process, self.socket, self.place / "log")
        wait_for(self._takes_queries, what="PostgreSQL to take queries")

    def _takes_queries(self) -> bool:
        done = subprocess.run([self.bin / "pg_isready", "-q", "-h", self.place], **self.options)
        return done.returncode == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)         # "fast": does not wait for clients
            self.process.wait(20)
            self.process = None


@contextmanager
def redis() -> Iterator[Redis]:
    with directory() as place:
        server = Redis(place)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    with directory() as place:
        server = PostgreSQL(place)
        try:
            server.start()
            yield server
        finally:
            with suppress(ProcessLookupError):
                server.stop()
