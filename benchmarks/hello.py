#!/usr/bin/env python3
"""A hello handler beside the same in C and beside Debian's libapache2-mod-python (3.5), as ratios to the C handler.

Three figures: requests per second (wrk, median of alternating rounds), CPU time per request (of the children, from
/proc), and user-space instructions per request (callgrind). The last one does not depend on what else the machine does;
the target is at most 1.4 times the C handler for the queued form. Ends with status 1 if that is missed.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import httpd  # noqa: E402
from httpd import Httpd  # noqa: E402

TARGET = 1.4
FORMS = ("queued", "flushed")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # 3.5 takes the first python3 of PATH for its own; it was built with Debian's
PYTHON = """from mod_python import apache

def handler(req):
    req.content_type = "text/plain"
    req.write("Hello, world\\n", 0)
    return apache.OK

def flushed(req):
    req.content_type = "text/plain"
    req.write("Hello, world\\n")
    return apache.OK
"""
# All answers come from the same kind of section, so that httpd does the same work around them.
COMMON = """
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<Directory "/">
    AllowOverride None
    Options FollowSymLinks
</Directory>
<Directory "${htdocs}">
"""
IN_C = """
    <Files "queued">
        SetHandler hello
    </Files>
    <Files "flushed">
        SetHandler hello-flushed
    </Files>
</Directory>
"""
IN_PYTHON = """
    SetHandler mod_python
    <Files "queued">
        PythonHandler hello
    </Files>
    <Files "flushed">
        PythonHandler hello::flushed
    </Files>
</Directory>
"""


class LeanHttpd(Httpd):
    """The tests' server with no more modules and settings than the answer needs: they would make ratios look better."""

    def configuration(self, conf: str) -> str:
        root = self.root
        return "\n".join(
            [
                f'ServerRoot "{root}"',
                f"Listen 127.0.0.1:{self.port}",
                "ServerName localhost",
                f"PidFile {root}/run/pid",
                f"DefaultRuntimeDir {root}/run",
                f'ErrorLog "{root}/logs/error_log"',
                "LogLevel notice",
                httpd.load_module_lines([f"mpm_{self.mpm}", "authz_core"]),
                self.mpm_lines(),
                self.python_lines(),
                f'Define htdocs "{self.htdocs}"',
                'DocumentRoot "${htdocs}"',
                conf,
                "",
            ]
        )


@dataclass
class Peer:
    """One server of the comparison; figures by form."""

    name: str
    conf: str
    ours: bool = False
    rates: dict[str, list[float]] = field(default_factory=dict)  # requests per second, by round
    cpu: dict[str, list[float]] = field(default_factory=dict)  # seconds per request, by round
    instructions: dict[str, float] = field(default_factory=dict)  # per request

    def server(self, directory: Path, mpm: str, name: str) -> LeanHttpd:
        root = directory / name
        root.mkdir()
        return LeanHttpd(
            root, self.conf, {"htdocs/hello.py": PYTHON}, mpm=mpm, python=self.ours, environment={"PATH": PATH}
        )


def build_c_module(directory: Path) -> Path:
    source = directory / "mod_hello.c"
    shutil.copy(HERE / "mod_hello.c", source)
    apxs = os.environ.get("MP_APXS") or shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    done = subprocess.run([apxs, "-c", source.name], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"apxs could not build mod_hello.c:\n{done.stdout}{done.stderr}")
    return directory / ".libs" / "mod_hello.so"


def make_peers(directory: Path) -> list[Peer]:
    peers = [
        Peer("C handler", f"LoadModule hello_module {build_c_module(directory)}\n{COMMON}{IN_C}"),
        Peer("mod_python 4", COMMON + IN_PYTHON, ours=True),
    ]
    old = Path(httpd.apxs("LIBEXECDIR")) / "mod_python.so"
    if old.exists() and Path("/var/lib/dpkg/info/libapache2-mod-python.list").exists():
        peers.append(Peer("mod_python 3.5", f"LoadModule python_module {old}\n{COMMON}{IN_PYTHON}"))
    else:
        print("(mod_python 3.5 is not measured: apt-get install libapache2-mod-python)")
    return peers


# Requests per second and CPU


def cpu_seconds(server: Httpd) -> float:
    ticks = 0
    for pid in server.child_pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(server: Httpd, form: str, seconds: int, connections: int) -> tuple[float, float]:
    """One round of wrk: requests per second and CPU seconds per request."""
    before = cpu_seconds(server)
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            f"http://127.0.0.1:{server.port}/{form}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    used = cpu_seconds(server) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.root.name}: wrk saw errors\n{done.stdout}\n{server.log_text()[-2000:]}")
    count, rate = re.search(r"(\d+) requests in", done.stdout), re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert count and rate, done.stdout
    return float(rate[1]), used / int(count[1])


def measure_speed(peers: Sequence[Peer], directory: Path, rounds: int, seconds: int, connections: int) -> None:
    with ExitStack() as running:
        servers = [
            running.enter_context(peer.server(directory, "event", f"speed-{number}"))
            for number, peer in enumerate(peers)
        ]
        for number in range(-1, rounds):  # round -1 warms up
            for form in FORMS:
                for peer, server in zip(peers, servers, strict=True):
                    rate, cpu = load(server, form, seconds if number >= 0 else 1, connections)
                    if number >= 0:
                        peer.rates.setdefault(form, []).append(rate)
                        peer.cpu.setdefault(form, []).append(cpu)


# Instructions


def ask(port: int, path: str, count: int) -> None:
    """As many requests, one after the other, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(count):
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.read() != b"Hello, world\n" or answer.status != 200:
            sys.exit(f"{path}: an answer with status {answer.status}")
    connection.close()


def count_instructions(peer: Peer, directory: Path, form: str, requests: int) -> int:
    """All user-space instructions of one httpd -X (prefork: no other process, no other request thread)."""
    server = peer.server(directory, "prefork", f"{peer.name.replace(' ', '-')}-{form}-{requests}")
    server.port = httpd.free_ports(1)[0]
    conf = server.root / "conf" / "httpd.conf"
    conf.write_text(server.configuration(server.conf))
    out = server.root / "callgrind.out"
    environment = {"PATH": PATH, "PYTHONPATH": str(server.root), "PYTHONHASHSEED": "0"}
    with open(server.root / "valgrind.txt", "wb") as text:
        process = subprocess.Popen(
            [
                "valgrind",
                "--tool=callgrind",
                "--trace-children=no",
                f"--callgrind-out-file={out}",
                httpd.httpd_program(),
                "-X",
                "-f",
                str(conf),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=text,
            stderr=text,
            preexec_fn=httpd.give_up_root if os.getuid() == 0 else None,
        )
    try:
        httpd.wait_for(lambda: answers(server.port, process), timeout=180, what="httpd under valgrind")
        ask(server.port, f"/{form}", requests)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
    assert totals, f"{out} has no total"
    return int(totals[1])


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server takes connections; makes no request, so that no run has more of them than it says."""
    if process.poll() is not None:
        raise ChildProcessError(f"httpd under valgrind ended with status {process.returncode}")
    try:
        http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
    except OSError:
        return False
    return True


def measure_instructions(peers: Sequence[Peer], directory: Path, few: int, many: int) -> None:
    """The difference of two runs, so that start, end and warm-up (the first `few` requests) do not count."""
    for peer in peers:
        for form in FORMS:
            low, high = (count_instructions(peer, directory, form, requests) for requests in (few, many))
            peer.instructions[form] = (high - low) / (many - few)


# The table


def report(peers: Sequence[Peer]) -> None:
    for form in FORMS:
        print(
            f"\n{form + ':':<16} {'requests/s':>12} {'ratio':>7} {'CPU us/req':>12} {'ratio':>7}"
            f" {'instr/req':>12} {'ratio':>7}"
        )
        base = figures(peers[0], form)
        for peer in peers:
            own = figures(peer, form)
            print(
                f"{peer.name:<16}"
                + "".join(
                    f" {value:>12.{1 if value < 1000 else 0}f} {value / other:>7.2f}"
                    if value and other
                    else f" {'-':>12} {'-':>7}"
                    for value, other in zip(own, base, strict=True)
                )
            )


def figures(peer: Peer, form: str) -> tuple[float, float, float]:
    """Requests per second, microseconds and instructions per request; 0 for what was not measured."""
    return (median(peer.rates.get(form, [0])), 1e6 * median(peer.cpu.get(form, [0])), peer.instructions.get(form, 0))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="rounds of wrk (default %(default)s; 0: none)")
    options.add_argument("--seconds", type=int, default=3, help="length of one round (default %(default)s)")
    options.add_argument("--connections", type=int, default=8, help="of wrk (default %(default)s)")
    options.add_argument(
        "--requests",
        type=int,
        nargs=2,
        default=(300, 1300),
        metavar=("FEW", "MANY"),
        help="of the two callgrind runs (default 300 1300; 0 0: none)",
    )
    options.add_argument("--engine", default="", metavar="TAG", help="the engine's Python, such as 313")
    chosen = options.parse_args()
    few, many = chosen.requests
    for tool in ["wrk"] * bool(chosen.rounds) + ["valgrind"] * bool(many):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install {tool}")
    httpd.TAG = chosen.engine

    with tempfile.TemporaryDirectory(prefix="mod_python-hello-") as name:
        peers = make_peers(Path(name))
        if chosen.rounds:
            measure_speed(peers, Path(name), chosen.rounds, chosen.seconds, chosen.connections)
        if many:
            measure_instructions(peers, Path(name), few, many)
    report(peers)
    if not many:
        return 0
    ratio = peers[1].instructions["queued"] / peers[0].instructions["queued"]
    print(f"\nhello, queued: {ratio:.2f} times the instructions of the C handler; at most {TARGET} is the target")
    return int(ratio > TARGET)


if __name__ == "__main__":
    sys.exit(main())
