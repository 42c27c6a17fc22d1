"""The command in a process of its own, as somebody at a terminal has it.

run() is any command to its end, `Serving` is `mod_python serve` while it serves. Started by root, they run as another
user in a user namespace, like httpd in the other tests.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from client import TIMEOUT, Response, response_of
from httpd import TREE, give_up_root, processes, wait_for

COMMAND = (sys.executable, "-m", "mod_python")


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME", "TMPDIR", "APXS") if name in os.environ}
    apxs = {"APXS": os.environ["MP_APXS"]} if os.environ.get("MP_APXS") else {}
    return {**kept, **apxs, "PYTHONPATH": str(TREE / "python"), **more}


def run(*arguments: str | Path, cwd: Path | None = None, as_root: bool = False,
        **more: str) -> subprocess.CompletedProcess[str]:
    """The command to its end."""
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, env=environment(**more), capture_output=True,
                          text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                          preexec_fn=give_up_root if os.getuid() == 0 and not as_root else None)


class Serving:
    """`mod_python serve` with its arguments, on a free port; what it writes is collected."""

    def __init__(self, *arguments: str | Path, cwd: Path, as_root: bool = False, **more: str) -> None:
        # A directory of its own for temporary files shows what is left there.
        self.temporary = cwd / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL,
            env=environment(TMPDIR=str(self.temporary), **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=give_up_root if os.getuid() == 0 and not as_root else None, start_new_session=True)
        self.out: list[str] = []
        self.err: list[str] = []
        self.readers = [threading.Thread(target=self._read, args=pair) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        self.url = ""

    @staticmethod
    def _read(stream: object, lines: list[str]) -> None:
        for line in stream:     # type: ignore[attr-defined]
            lines.append(line.decode().rstrip("\n"))

    def __enter__(self) -> Serving:
        try:
            wait_for(lambda: self.process.poll() is not None or self.said("Ctrl-C"), what="the URL")
            line = self.said(r" on (https?://\S+)$")
            assert line, f"it ended with {self.process.returncode}"
            self.url = line[1]
            return self
        except BaseException:
            self._kill()
            print("\n".join([*self.out, *self.err]))    # pytest shows it with the failure
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if kind is not None:
            print("\n".join([*self.out, *self.err]))
            self._kill()
        elif self.process.poll() is None:
            assert self.stop() == 0

    def _kill(self) -> None:
        children = self.httpd_pids()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for reader in self.readers:
            reader.join()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends the signal; returns the exit status, when nothing is left."""
        pids = self.httpd_pids()
        self.process.send_signal(number)
        status = self.process.wait(TIMEOUT)
        for reader in self.readers:
            reader.join()
        wait_for(lambda: not pids & {pid for pid, _, _, state in processes() if state != "Z"}, what="httpd to end")
        assert list(self.temporary.iterdir()) == []
        return status

    def httpd_pids(self) -> set[int]:
        """httpd's parent and its children."""
        table = list(processes())
        parents = {pid for pid, parent, _, state in table if parent == self.process.pid and state != "Z"}
        return parents | {pid for pid, parent, _, state in table if parent in parents and state != "Z"}

    def said(self, pattern: str) -> re.Match[str] | None:
        """The first line of the standard output that has the pattern."""
        return next(filter(None, (re.search(pattern, line) for line in list(self.out))), None)

    def complained(self, pattern: str) -> re.Match[str] | None:
        """The first line of the standard error that has the pattern."""
        return next(filter(None, (re.search(pattern, line) for line in list(self.err))), None)

    @property
    def port(self) -> int:
        match = re.search(r":(\d+)/$", self.url)
        assert match
        return int(match[1])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        connection: http.client.HTTPConnection
        if self.url.startswith("https:"):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=TIMEOUT, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return response_of(connection.getresponse())
        finally:
            connection.close()
