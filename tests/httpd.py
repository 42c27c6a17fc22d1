"""A private httpd for tests: its own ServerRoot, a free port on 127.0.0.1, and an error log that is an assertion.

    with Httpd(directory, CONF, FILES) as httpd:
        httpd.get("/hello")

FILES are written below the ServerRoot, which is on PYTHONPATH; `htdocs/` there is the document root. CONF may use
${root}, ${htdocs}, ${port} and those that `ports` names. With a `group`, WSGI applications run in a process group of
that name ("daemon mode"), else in children; ${group} is what directives call the place. stop() fails if the log holds
an error, traceback, signal or sanitizer line that no claim() consumed, or if a process is left.

Environment: MP_BUILD is the directory with mod_python.so and the engines (default: build/ of this tree); MP_PYTHON_TAG
picks the engine, such as 313 (default: the module's own choice).
"""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from client import TIMEOUT, RawClient, Response, response_of

TREE = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("MP_BUILD", TREE / "build")).resolve()
TAG = os.environ.get("MP_PYTHON_TAG", "")

# What every site needs; a test module adds its own by name.
BASE_MODULES = ("authn_core", "authz_core", "authz_host", "authz_user", "alias", "dir", "mime")

FAULTS = re.compile(
    r"(?!.*AH00(?:161|484): server reached MaxRequestWorkers"       # small servers under load reach it
    r"|.*AH0309[23]: process_\w+: apr_pollset_add failure)"         # event: SIGTERM closed the connection meanwhile
    r".*(?:\[[\w-]*:(?:error|crit|alert|emerg)\]|Traceback \(most recent call last\)|exit signal|still did not exit"
    r"|Sanitizer|runtime error:|Fatal Python error|Exception ignored in|core dumped)")

T = TypeVar("T")
_pause = threading.Event()


def wait_for(condition: Callable[[], T | None], timeout: float = TIMEOUT, what: str = "") -> T:
    """Polls until the condition is true and returns its value; the one place in the tests that lets time pass."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what or condition}")
        _pause.wait(0.01)
    return value


# The installed httpd

@lru_cache
def apxs(variable: str) -> str:
    tool = os.environ.get("MP_APXS") or shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    return subprocess.run([tool, "-q", variable], check=True, capture_output=True, text=True).stdout.strip()


@lru_cache
def httpd_program() -> str:
    return os.path.join(apxs("SBINDIR"), apxs("PROGNAME"))


@lru_cache
def built_in_modules() -> frozenset[str]:
    listing = subprocess.run([httpd_program(), "-l"], check=True, capture_output=True, text=True).stdout
    return frozenset(re.findall(r"mod_(\w+)\.c", listing))


def load_module_lines(names: Sequence[str]) -> str:
    directory = Path(apxs("LIBEXECDIR"))
    lines = []
    for name in names:
        if name not in built_in_modules():
            lines.append(f"LoadModule {name}_module {directory / f'mod_{name}.so'}")
    return "\n".join(lines)


# The build under test

def engine_file(tag: str = "") -> Path | None:
    """The engine for a tag such as 313; for "" the one that MP_PYTHON_TAG names, or None for the module's choice."""
    tag = tag or TAG
    if not tag:
        return None
    found = sorted(BUILD.glob(f"mod_python_engine.cpython-{tag}*.so"))
    if not found:
        raise FileNotFoundError(f"no engine for tag {tag} in {BUILD}")
    return found[0]


def engine_files() -> list[Path]:
    return sorted(BUILD.glob("mod_python_engine.cpython-*.so"))


def engine_version(engine: Path) -> tuple[int, ...]:
    """CPython's version as the engine's stamp gives it."""
    match = re.search(rb"mod_python engine: seam=\d+ python=([0-9.]+)", engine.read_bytes())
    if not match:
        raise ValueError(f"{engine} has no stamp")
    return tuple(int(part) for part in match[1].decode().split("."))


def linked_libraries(file: Path) -> dict[str, str]:
    listing = subprocess.run(["ldd", str(file)], capture_output=True, text=True).stdout
    return dict(re.findall(r"(\S+) => (\S+)", listing))


@lru_cache
def sanitizer() -> str | None:
    """libasan's file, if the build under test needs it in front of httpd."""
    for file in [BUILD / "mod_python.so", *engine_files()]:
        for name, path in linked_libraries(file).items():
            if name.startswith("libasan"):
                return path
    return None


def readable_by_all(file: Path) -> bool:
    """Whether any user can reach and read the file."""
    for part in [file.resolve(), *file.resolve().parents]:
        needed = stat.S_IXOTH if part.is_dir() else stat.S_IROTH
        if not part.stat().st_mode & needed:
            return False
    return True


def root_parent_possible() -> bool:
    """Whether httpd can run with a root parent: its children give root up, so they need a Python that all may read."""
    engine = engine_file() or next(iter(engine_files()), None)
    if os.getuid() != 0 or engine is None:
        return False
    libpython = [path for name, path in linked_libraries(engine).items() if name.startswith("libpython")]
    return all(readable_by_all(Path(path)) for path in [*libpython, str(engine), str(TREE / "python")])


# Processes

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000


def give_up_root() -> None:
    """In a child before exec: user 1000 of a user namespace of its own, so that httpd is not started as root."""
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    for file, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)


def take_terminal(name: str) -> None:
    """In a child before exec, when it leads a session: the terminal becomes its controlling one."""
    fcntl.ioctl(os.open(name, os.O_RDWR), termios.TIOCSCTTY, 0)


def processes() -> Iterator[tuple[int, int, int, str]]:
    """pid, parent, session and state of every process."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(entry), int(fields[1]), int(fields[3]), fields[0]


def open_connections(port: int) -> int:
    """How many connections to a port of 127.0.0.1 the kernel has: all but listening and ended ones (TIME_WAIT)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in ("0A", "06") for row in rows)


def wait_quiet(*ports: int) -> None:
    """Waits a while until no connection is open.

    The event MPM of httpd 2.4.71, also without our module, may crash or log AH03093 if SIGTERM or SIGHUP meets a
    connection that it is just closing.
    """
    quiet = 0

    def stays_quiet() -> bool:
        nonlocal quiet
        quiet = 0 if any(map(open_connections, ports)) else quiet + 1
        return quiet > 2
    with suppress(TimeoutError):
        wait_for(stays_quiet, timeout=2)


def accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1: below those that the kernel gives to clients, so that none of these takes one meanwhile."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10000, lowest if lowest > 12000 else 60000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found


class Httpd:
    """One server; see the module's text."""

    def __init__(self, directory: Path, conf: str = "", files: Mapping[str, str | bytes] | None = None, *,
                 mpm: str = "event", modules: Sequence[str] = (), children: int = 1, threads: int = 24,
                 log_level: str = "info", environment: Mapping[str, str] | None = None, python: bool = True,
                 group: str = "", group_options: str = "", root_parent: bool = False, ports: Sequence[str] = (),
                 arguments: Sequence[str] = ("-DFOREGROUND",), terminal: str | None = None) -> None:
        self.root = directory
        self.htdocs = directory / "htdocs"
        self.conf = conf
        self.mpm = mpm
        self.modules = modules
        self.children = children
        self.threads = 1 if mpm == "prefork" else threads
        self.log_level = log_level
        self.python = python
        self.group = group
        self.group_options = group_options
        self.application_threads = self.threads + 2 if group else self.threads
        self.root_parent = root_parent
        self.environment = dict(environment or {})
        self.arguments = arguments
        self.terminal = terminal
        self.port = 0
        self.ports = dict.fromkeys(ports, 0)
        self.process: subprocess.Popen[bytes] | None = None
        self._log_offset = 0
        self._unclaimed = ""
        for name in ("htdocs", "logs", "conf", "run", "asan"):
            (directory / name).mkdir(exist_ok=True)
            if root_parent:
                (directory / name).chmod(0o777)
        if root_parent:
            open_to_all(directory)
        (directory / "conf" / "mime.types").write_text("text/html html\ntext/plain txt\nimage/png png\n")
        for name, text in (files or {}).items():
            self.write(name, text)

    # Configuration

    def mpm_lines(self) -> str:
        if self.mpm == "prefork":
            return (f"StartServers {self.children}\nMinSpareServers 1\nMaxSpareServers {self.children + 4}\n"
                    f"ServerLimit {self.children + 4}\nMaxRequestWorkers {self.children}\n")
        total = self.children * self.threads
        return (f"StartServers {self.children}\nServerLimit {self.children + 4}\nThreadLimit {self.threads}\n"
                f"ThreadsPerChild {self.threads}\nMaxRequestWorkers {total}\nMinSpareThreads 1\n"
                f"MaxSpareThreads {total + self.threads}\n")

    def python_lines(self) -> str:
        if not self.python:
            return ""
        engine = engine_file()
        return f"LoadModule python_module {BUILD / 'mod_python.so'}\n" + (f"PythonEngine {engine}\n" if engine else "")

    def group_lines(self) -> str:
        if not self.group:
            return 'Define group "%{GLOBAL}"'
        return (f"Define group {self.group}\nWSGIProcessGroup {self.group}\n"
                f"WSGIDaemonProcess {self.group} threads={self.application_threads} {self.group_options}")

    def configuration(self, conf: str) -> str:
        root = self.root
        return "\n".join([
            f'Define root "{root}"', f'Define htdocs "{self.htdocs}"', f"Define port {self.port}",
            *(f"Define {name} {port}" for name, port in self.ports.items()),
            f'ServerRoot "{root}"', f"Listen 127.0.0.1:{self.port}", f"ServerName localhost:{self.port}",
            f"PidFile {root}/run/httpd.pid", f"DefaultRuntimeDir {root}/run", f'ErrorLog "{root}/logs/error_log"',
            "User www-data\nGroup www-data" if self.root_parent else "",
            f"LogLevel {self.log_level}", load_module_lines([f"mpm_{self.mpm}", *BASE_MODULES, *self.modules]),
            self.mpm_lines(), self.python_lines(), self.group_lines(), "TypesConfig conf/mime.types",
            "AcceptFilter http none", f'DocumentRoot "{self.htdocs}"',
            f'<Directory "{self.htdocs}">\nAllowOverride All\nRequire all granted\n</Directory>', conf, ""])

    def configtest(self, conf: str) -> tuple[int, str]:
        """What `httpd -t` says to this instead of the server's own lines: exit status and output."""
        file = self.root / "conf" / "configtest.conf"
        self.port = self.port or free_ports(1)[0]
        file.write_text(self.configuration(conf), encoding="utf-8")
        done = subprocess.run([httpd_program(), "-t", "-f", str(file)], env=self._environ(), capture_output=True,
                              timeout=60, preexec_fn=self._before_exec())
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def write(self, name: str, text: str | bytes) -> Path:
        """Writes a file below the ServerRoot; its modification time differs from that of the one before."""
        file = self.root / name
        before = file.stat().st_mtime_ns if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if before is not None and file.stat().st_mtime_ns <= before:
            os.utime(file, ns=(before + 1000000, before + 1000000))
        return file

    # Life

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        path = [str(self.root)]
        if not (BUILD.parent / "python").is_dir():
            path.append(str(TREE / "python"))
        environ = {**kept, "PYTHONPATH": os.pathsep.join(path), **self.environment}
        asan = sanitizer() if self.python else None
        if asan:
            environ |= {"LD_PRELOAD": asan, "PYTHONMALLOC": "malloc",
                        "ASAN_OPTIONS": f"detect_leaks=0:log_path={self.root}/asan/report"}
        return environ

    def _before_exec(self) -> Callable[[], None] | None:
        steps: list[Callable[[], None]] = []
        if self.terminal is not None:
            steps.append(partial(take_terminal, self.terminal))
        if os.getuid() == 0 and not self.root_parent:
            steps.append(give_up_root)

        def run() -> None:
            for step in steps:
                step()
        return run if steps else None

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server does not run"
        return self.process.pid

    def start(self) -> Httpd:
        """Starts the server and waits until a child serves; on a taken port it tries another."""
        for _ in range(5):
            self.port, *others = free_ports(1 + len(self.ports))
            self.ports = dict(zip(self.ports, others, strict=True))
            (self.root / "conf" / "httpd.conf").write_text(self.configuration(self.conf), encoding="utf-8")
            with open(self.root / "logs" / "stderr", "ab") as stderr:
                self.process = subprocess.Popen(
                    [httpd_program(), *self.arguments, "-f", str(self.root / "conf" / "httpd.conf")],
                    stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=self._environ(),
                    start_new_session=True, preexec_fn=self._before_exec())
            try:
                wait_for(self._started, what="httpd to start")
                self.wait_ready()
                return self
            except (ChildProcessError, TimeoutError) as error:
                self._end_all()
                text = self._stderr() + self.log_text()
                if "Address already in use" not in text:
                    raise ChildProcessError(f"{error}\n{text}") from None
        raise ChildProcessError("no free port")

    @property
    def is_one_process(self) -> bool:
        return not {"-X", "-DONE_PROCESS"}.isdisjoint(self.arguments)

    def _started(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise ChildProcessError(f"httpd ended with status {self.process.returncode}")
        if self.is_one_process:         # it does not say that it is ready
            return accepts_connections(self.port)
        log = self.log_text()
        return ("resuming normal operations" in log and bool(self.child_pids())
                and (not self.group or re.search(rf"Process '{self.group}' \(pid=\d+\) is ready", log) is not None))

    def wait_ready(self) -> None:
        """Waits until a child takes and ends a connection; no request is made, so no handler runs."""
        with RawClient(self.port) as client:
            client.half_close().receive_all()

    def stop(self) -> None:
        """Ends the server if it still runs, and checks all that it leaves behind."""
        if self.process is not None:
            self.end()
        faults = self.faults()
        assert not faults, "the error log has lines that no test claimed:\n" + "\n".join(faults)

    def end(self, how: int = signal.SIGTERM) -> None:
        """Ends the server (SIGTERM, or SIGWINCH for a graceful stop); its log can be claimed until stop()."""
        process, pid = self.process, self.pid
        assert process is not None
        wait_quiet(self.port, *self.ports.values())
        try:
            if process.poll() is None:
                os.kill(pid, how)
            status = process.wait(timeout=TIMEOUT)
            wait_for(lambda: not self._session(), what=f"processes to end: {self._session()}")
        except (subprocess.TimeoutExpired, TimeoutError) as error:
            left = self._session()
            self._end_all()
            raise AssertionError(f"httpd did not stop, left {left}: {error}\n{self.log_text()[-4000:]}") from None
        finally:
            self.process = None
        assert status == 0, f"httpd ended with status {status}\n{self.log_text()[-4000:]}"
        if not self.is_one_process:     # as a child, it leaves the file alone
            assert not (self.root / "run" / "httpd.pid").exists(), "httpd left its pid file"

    def faults(self) -> list[str]:
        """What must not be in the logs: unclaimed faults of the error log, of stderr and of the sanitizer."""
        self._read_log()
        found = [line for text in (self._unclaimed, self._stderr()) for line in text.splitlines()
                 if FAULTS.match(line)]
        for report in sorted((self.root / "asan").iterdir()):
            found += [f"{report.name}: {line}" for line in report.read_text(errors="replace").splitlines()]
        return found

    def __enter__(self) -> Httpd:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        else:
            self._end_all()
            print(f"error log:\n{self.log_text()[-8000:]}")     # pytest shows it with the failure

    def _session(self) -> list[int]:
        """Our processes that still run: httpd leads a session of its own."""
        return [pid for pid, _, session, state in processes()
                if self.process is not None and session == self.process.pid and state != "Z"]

    def _end_all(self) -> None:
        for pid in self._session():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def child_pids(self) -> set[int]:
        return {pid for pid, parent, _, state in processes() if parent == self.pid and state != "Z"}

    def application_pids(self) -> set[int]:
        """The processes that may run WSGI applications: children, or those of a process group."""
        children = self.child_pids()
        if not self.group:
            return children
        return {pid for pid, parent, _, state in processes() if parent in children and state != "Z"}

    @property
    def mode(self) -> str:
        """As log lines name the place of WSGI applications."""
        return f"of daemon process '{self.group}'" if self.group else "in embedded mode"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def graceful(self) -> None:
        """Graceful restart; returns when the old children are gone and a new one serves."""
        self._restart(signal.SIGUSR1)

    def restart(self) -> None:
        self._restart(signal.SIGHUP)

    def _restart(self, number: int) -> None:
        old, starts = self.child_pids(), self._starts()
        if number == signal.SIGHUP:
            wait_quiet(self.port, *self.ports.values())
        self.signal(number)
        wait_for(lambda: self._starts() > starts, what="httpd to read its configuration again")
        wait_for(lambda: self.child_pids() and not self.child_pids() & old, what="new children")
        self.wait_ready()

    def _starts(self) -> int:
        return self.log_text().count("resuming normal operations")

    # The error log

    @property
    def log_file(self) -> Path:
        return self.root / "logs" / "error_log"

    def log_text(self) -> str:
        """The whole error log so far, claimed or not."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _stderr(self) -> str:
        return (self.root / "logs" / "stderr").read_text(errors="replace")

    def _read_log(self) -> None:
        with open(self.log_file, "rb") as stream:
            stream.seek(self._log_offset)
            data = stream.read()
        data = data[:data.rfind(b"\n") + 1]
        self._log_offset += len(data)
        self._unclaimed += data.decode(errors="replace")

    def claim(self, pattern: str) -> re.Match[str]:
        """Waits for the pattern in the unclaimed log and takes the lines that it covers out of it."""
        def found() -> re.Match[str] | None:
            self._read_log()
            return re.search(pattern, self._unclaimed)
        try:
            match = wait_for(found)
        except TimeoutError:
            raise AssertionError(f"the error log has no {pattern!r}; it has:\n{self._unclaimed[-6000:]}") from None
        start = self._unclaimed.rfind("\n", 0, match.start()) + 1
        end = self._unclaimed.find("\n", max(match.end() - 1, start)) + 1
        self._unclaimed = self._unclaimed[:start] + self._unclaimed[end:]
        return match

    def claim_failure(self, what: str, exception: str, interpreter: str | None = None) -> None:
        """Claims the log of one exception: its first line and its traceback.

        `what` is phase and handler as the configuration has them; `exception` is in a line of the traceback that is
        no source line. Lines that other threads wrote in between stay.
        """
        name = re.escape(interpreter) if interpreter is not None else "[^']*"
        first = re.compile(rf"(\[pid \d+:tid \d+\]).*MP\d{{4}}: {re.escape(what)} failed in interpreter '{name}'")

        def found() -> list[int]:
            self._read_log()
            lines = self._unclaimed.splitlines()
            for start, line in enumerate(lines):
                if match := first.search(line):
                    mine = [start, *traceback_lines(lines, start + 1, match[1], f"] {what}: ")]
                    texts = [lines[number].partition(f"] {what}: ")[2] for number in mine]
                    if any(exception in text for text in texts if not text.startswith("  ")):
                        return mine
            return []
        try:
            mine = wait_for(found)
        except TimeoutError:
            raise AssertionError(f"the error log has no failure of {what!r} with {exception!r}; it has:\n"
                                 f"{self._unclaimed[-6000:]}") from None
        self._unclaimed = "".join(line + "\n" for number, line in enumerate(self._unclaimed.splitlines())
                                  if number not in mine)

    def claim_cut(self) -> None:
        """Claims what a child logs of an answer that a WSGI application in a process group did not finish."""
        if self.group:
            self.claim(f"MP0438: the answer of group '{self.group}' is cut: the application failed after it had begun")

    def unclaimed(self) -> str:
        self._read_log()
        return self._unclaimed

    # Requests

    def request(self, method: str, path: str, body: bytes | str | None = None,
                headers: Mapping[str, str] | None = None) -> Response:
        with self.session() as connection:
            return connection(method, path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, body: bytes | str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("POST", path, body, headers)

    @contextmanager
    def session(self) -> Iterator[Callable[..., Response]]:
        """A keep-alive connection: call the value with method, path, body and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

        def ask(method: str, path: str, body: bytes | str | None = None,
                headers: Mapping[str, str] | None = None) -> Response:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            return response_of(connection.getresponse())
        try:
            yield ask
        finally:
            connection.close()

    def raw(self, receive_buffer: int | None = None) -> RawClient:
        return RawClient(self.port, receive_buffer)

    def python_version(self) -> tuple[int, ...]:
        """The running CPython, as the start line of the log names it."""
        match = re.search(r" Python/([0-9.]+)", self.log_text())
        assert match, "the Server text names no Python"
        return tuple(int(part) for part in match[1].split("."))


def traceback_lines(lines: Sequence[str], start: int, thread: str, prefix: str) -> Iterator[int]:
    """Which lines from `start` on belong to one traceback: those of the thread, until it writes something else."""
    for number in range(start, len(lines)):
        if thread in lines[number]:
            if prefix not in lines[number]:
                return
            yield number


def open_to_all(directory: Path) -> None:
    """Lets the children of a root parent reach a directory that pytest made for its own user."""
    for part in [directory, *directory.parents]:
        if part.owner() == "root" and part != Path("/") and not part.stat().st_mode & stat.S_IXOTH:
            part.chmod(part.stat().st_mode | stat.S_IRUSR | stat.S_IXOTH | stat.S_IROTH)


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator[list[T]]:
    """Runs work() on another thread; its result is in the list afterwards, what it raises is raised then."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield results
    finally:
        thread.join()
    if errors:
        raise errors[0]


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Runs work(0..count-1) on as many threads, released together; their results in order."""
    barrier = threading.Barrier(count)
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait(TIMEOUT)
            results[index] = work(index)
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(count)]
