"""httpd as a child of `mod_python serve`: its start, its log lines on our terminal, its restarts and its end.

One thread does it all: it waits for log lines, for signals and for the end of httpd, whichever comes first. httpd
writes its logs to named pipes, so nothing is lost in files, and no line waits.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NoReturn

from mod_python import _httpd_modules

CHANGED = re.compile(r"mod_python serve: changed: (.*) (\d+|None)$")

# What httpd says at each start, restart and end: of the core, of event, worker and prefork, and of mod_python.
ROUTINE = re.compile(r"AH00(?:094|489|491|492|493|292|295|296|297|163|169|170|171)\b|MP0060:")
STARTED = re.compile(r"resuming normal operations")

# What event says of a connection that its own end has closed while a thread was about to keep it.
CLOSED_AT_THE_END = re.compile(r"AH0309[23]: process_\w+: apr_pollset_add failure")

CRASHED = re.compile(r"AH0005\d: .*exit signal")
CRASHES = 3         # httpd starts another process a second after one has crashed

START_SECONDS = 10.0
END_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """httpd did not start; the text is one line that says why."""


class Server:
    """One httpd, from start to end."""

    def __init__(self, root: Path, port: int, address: str, verbose: bool) -> None:
        self.root = root
        self.port = port
        self.address = address
        self.verbose = verbose
        self.selector = selectors.DefaultSelector()
        self.process: subprocess.Popen[bytes] | None = None
        self.started = False            # httpd says so
        self.serves = False             # we have seen it
        self.ending = False             # we have told it to end
        self.signals = 0
        self.early: list[str] = []      # error lines, until it serves
        self.rest: dict[int, bytes] = {}
        self.takers: dict[int, Callable[[str], None]] = {}
        self.seen: set[str] = set()

    # --- life ---

    def run(self, ready: Callable[[], None]) -> int:
        """Starts httpd, calls `ready` when it serves, and relays its logs; returns the exit status, 0 after a signal.

        Failed if httpd ends before it serves.
        """
        with self._signals():
            self._start()
            try:
                if self._wait_until_it_serves():
                    self._show_early()
                    ready()
                    while not self.signals and self._poll() is None:
                        self._turn()
                ended_by_itself = self._poll() is not None and not self.signals
            finally:
                self._end()
        if ended_by_itself:
            print(f"mod_python serve: httpd ended by itself (status {self._poll()})", file=sys.stderr)
            return 1
        return 0

    def _start(self) -> None:
        logs = self.root / "logs"
        for name, take in (("error", self._error_line), ("access", self._access_line)):
            os.mkfifo(logs / name, 0o600)
            # Open in both directions, so that there is no end of file whenever httpd has none open.
            self._listen(os.open(logs / name, os.O_RDWR | os.O_NONBLOCK), take)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._listen(reading, self._error_line)
        try:
            self.process = subprocess.Popen(
                [_httpd_modules.program(), "-DFOREGROUND", "-f", str(self.root / "httpd.conf")],
                stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
                start_new_session=True,     # Ctrl-C is for us; httpd's end is our matter
                preexec_fn=_end_with_parent())
        finally:
            os.close(writing)

    def _wait_until_it_serves(self) -> bool:
        """False if a signal came first."""
        deadline: float | None = time.monotonic() + START_SECONDS
        probe: socket.socket | None = None
        try:
            while not self.signals:
                if self._poll() is not None:
                    self._drain()
                    self._fail()
                crashes = [line for line in self.early if CRASHED.search(line)]
                if len(crashes) >= CRASHES:
                    raise Failed(f"httpd's processes crash when they start: {_plain(crashes[0])}")
                if deadline is not None and time.monotonic() > deadline:
                    deadline = None
                    self._show_early()      # from now on all is shown at once
                    _print("mod_python serve: the target is still being loaded", sys.stderr)
                if self.started and probe is None:
                    # A child takes the connection and sees its end: then it is there. No request is made.
                    probe = socket.create_connection((self.address, self.port), 5)
                    probe.shutdown(socket.SHUT_WR)
                    probe.setblocking(False)
                    self.selector.register(probe, selectors.EVENT_READ)
                self._turn()
                if probe is not None and _is_closed(probe):
                    return True
            return False
        finally:
            if probe is not None:
                with contextlib.suppress(KeyError):
                    self.selector.unregister(probe)
                probe.close()

    def _fail(self) -> NoReturn:
        raise Failed(_reason(self.early) or f"httpd ended with status {self._poll()} and does not say why")

    def _end(self) -> None:
        """Ends httpd. A second signal, or too long a time, ends its children at once.

        The parent is spared as long as possible, since only itself gives its semaphores back to the system.
        """
        process = self.process
        if process is not None:
            self.ending = True
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            while process.poll() is None:
                self._turn(0.1)
                late = time.monotonic() - begin
                with contextlib.suppress(ProcessLookupError):
                    if late > 3 * END_SECONDS:
                        os.killpg(process.pid, signal.SIGKILL)
                    elif late > END_SECONDS or self.signals > 1:
                        for pid in _children(process.pid):
                            os.kill(pid, signal.SIGKILL)
            self._drain()
        for fd in list(self.takers):
            self._forget(fd)
        self.selector.close()

    def _poll(self) -> int | None:
        return self.process.poll() if self.process is not None else None

    def _restart(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)

    # --- signals ---

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """While inside, signals to end are counted, and wake us, as the end of httpd does."""
        reading, writing = os.pipe()
        for fd in (reading, writing):
            os.set_blocking(fd, False)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._count) for number in numbers}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)

    def _count(self, number: int, frame: object) -> None:
        self.signals += 1

    # --- log lines ---

    def _listen(self, fd: int, take: Callable[[str], None]) -> None:
        self.selector.register(fd, selectors.EVENT_READ)
        self.takers[fd] = take
        self.rest[fd] = b""

    def _forget(self, fd: int) -> None:
        self.selector.unregister(fd)
        del self.takers[fd]
        os.close(fd)

    def _turn(self, seconds: float = 1.0) -> None:
        """Waits for what comes first, and takes the lines that are there."""
        for key, _ in self.selector.select(seconds):
            if key.fd in self.takers:
                self._read(key.fd)
            elif isinstance(key.fileobj, int):      # a signal has woken us
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fileobj, 4096)
            else:
                self.selector.unregister(key.fileobj)       # the probe

    def _drain(self) -> None:
        """Takes what is left in the pipes."""
        for fd in list(self.takers):
            while fd in self.takers and self._read(fd):
                pass

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return False
        if not data:
            self._forget(fd)
            return False
        *lines, self.rest[fd] = (self.rest[fd] + data).split(b"\n")
        take = self.takers[fd]
        for line in lines:
            take(line.decode(errors="backslashreplace"))
        return True

    def _access_line(self, line: str) -> None:
        _print(line, sys.stdout)

    def _error_line(self, line: str) -> None:
        if STARTED.search(line):
            self.started = True
        if changed := CHANGED.search(line):
            if changed[0] not in self.seen:     # each child says it
                self.seen.add(changed[0])
                _print(f"mod_python serve: {changed[1]} changed, the server restarts", sys.stderr)
                self._restart()
        elif self.verbose or not (ROUTINE.search(line) or (self.ending and CLOSED_AT_THE_END.search(line))):
            if self.serves:
                _print(line, sys.stderr)
            else:
                self.early.append(line)

    def _show_early(self) -> None:
        self.serves = True
        for line in self.early:
            _print(line, sys.stderr)
        self.early.clear()


def _print(line: str, stream: IO[str]) -> None:
    """Nobody may be there to read it any more; the server goes on."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=stream, flush=True)


def _children(pid: int) -> list[int]:
    """The children of a process, where the system tells them."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _is_closed(probe: socket.socket) -> bool:
    try:
        return not probe.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _reason(lines: list[str]) -> str:
    """Why httpd did not start, of what it wrote: the first line that says what is wrong, without what stands before."""
    texts = [text for text in map(_plain, lines) if text]
    for number, text in enumerate(texts):
        if re.search(r"Syntax error on line|AH00526", text):
            tail = text.rpartition(": ")[2] if not text.endswith(":") else (texts[number + 1:] or [text])[0]
            return re.sub(r"^AH\d{5}: ", "", tail)
    for wanted in (r"\(\d+\)\w", r"MP\d{4}", r"[Ee]rror|annot|not |[Ff]ail"):
        for text in texts:
            if re.search(wanted, text) and not ROUTINE.search(text):
                return text
    return texts[-1] if texts else ""


def _plain(line: str) -> str:
    """A line of the error log without its time, module and process."""
    return re.sub(r"^\[\d{4}-[^]]*\] \[[^]]*\] |^\[\w{3} \w{3} [^]]*\] (\[[^]]*\] )*", "", line).strip()


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux: httpd is told to end when this process is gone, however it ended. None where that is unknown."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return before_exec
