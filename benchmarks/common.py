"""What the benchmarks of answers share: a lean httpd, wrk, CPU time, callgrind, the table of ratios."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import httpd  # noqa: E402

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


class LeanHttpd(httpd.Httpd):
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
                httpd.load_module_lines([f"mpm_{self.mpm}", "authz_core", *self.modules]),
                self.mpm_lines(),
                self.python_lines(),
                f'Define htdocs "{self.htdocs}"',
                'DocumentRoot "${htdocs}"',
                conf,
                "",
            ]
        )


@dataclass
class Figures:
    """One server of the comparison; figures by form."""

    name: str
    conf: str
    ours: bool = False
    rates: dict[str, list[float]] = field(default_factory=dict)     # requests per second, by round
    cpu: dict[str, list[float]] = field(default_factory=dict)       # seconds per request, by round
    instructions: dict[str, float] = field(default_factory=dict)    # per request


def need(tools: Iterable[str]) -> None:
    for tool in tools:
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install {tool}")


def build_c_module(source: str, directory: Path) -> Path:
    """Of this directory; its file."""
    shutil.copy(HERE / source, directory / source)
    apxs = os.environ.get("MP_APXS") or shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    done = subprocess.run([apxs, "-c", source], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"apxs could not build {source}:\n{done.stdout}{done.stderr}")
    return directory / ".libs" / Path(source).with_suffix(".so")


# Requests per second and CPU


def cpu_seconds(leaders: Iterable[int]) -> float:
    """User and system time of all processes in the sessions that these lead."""
    chosen, ticks = set(leaders), 0
    for pid, _, session, _ in httpd.processes():
        if session in chosen:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(server: httpd.Httpd, path: str, seconds: int, connections: int, script: Path | None = None,
         leaders: Sequence[int] = ()) -> tuple[float, float]:
    """One round of wrk: requests per second and CPU seconds per request, also of these leaders' sessions."""
    before = cpu_seconds([server.pid, *leaders])
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                           *(["-s", str(script)] if script else []), f"http://127.0.0.1:{server.port}{path}"],
                          check=True, capture_output=True, text=True, timeout=seconds + 60)
    used = cpu_seconds([server.pid, *leaders]) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.root.name}: wrk saw errors\n{done.stdout}\n{server.log_text()[-2000:]}")
    count, rate = re.search(r"(\d+) requests in", done.stdout), re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert count and rate, done.stdout
    return float(rate[1]), used / int(count[1])


def alternate(peers: Sequence[Figures], forms: Sequence[str], rounds: int, seconds: int,
              measure: Callable[[int, str, int], tuple[float, float]]) -> None:
    """measure(number of the peer, form, seconds), for all of them in each round; round -1 warms up."""
    for number in range(-1, rounds):
        for form in forms:
            for which, peer in enumerate(peers):
                rate, cpu = measure(which, form, seconds if number >= 0 else 1)
                if number >= 0:
                    peer.rates.setdefault(form, []).append(rate)
                    peer.cpu.setdefault(form, []).append(cpu)


# Instructions


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server takes connections; makes no request, so that no run has more of them than it says."""
    if process.poll() is not None:
        raise ChildProcessError(f"httpd under valgrind ended with status {process.returncode}")
    try:
        http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
    except OSError:
        return False
    return True


def stop(process: subprocess.Popen[bytes]) -> None:
    """By SIGTERM; under valgrind one may get lost between two requests."""
    for _ in range(12):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        return


def count_instructions(server: LeanHttpd, path: str, ask: Callable[[int], None]) -> int:
    """All user-space instructions of one httpd -X while ask(port) runs; PATH is `path`."""
    server.port = httpd.free_ports(1)[0]
    conf = server.root / "conf" / "httpd.conf"
    conf.write_text(server.configuration(server.conf))
    out = server.root / "callgrind.out"
    environment = {"PATH": path, "PYTHONPATH": str(server.root), "PYTHONHASHSEED": "0"}
    with open(server.root / "valgrind.txt", "wb") as text:
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--trace-children=no", f"--callgrind-out-file={out}",
             httpd.httpd_program(), "-X", "-f", str(conf)], env=environment, stdin=subprocess.DEVNULL, stdout=text,
            stderr=text, preexec_fn=httpd.give_up_root if os.getuid() == 0 else None)
    try:
        httpd.wait_for(lambda: answers(server.port, process), timeout=180, what="httpd under valgrind")
        ask(server.port)
        stop(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
    assert totals, f"{out} has no total"
    return int(totals[1])


# The table


def figures(peer: Figures, form: str) -> tuple[float, float, float]:
    """Requests per second, microseconds and instructions per request; 0 for what was not measured."""
    return (median(peer.rates.get(form, [0])), 1e6 * median(peer.cpu.get(form, [0])), peer.instructions.get(form, 0))


def report(peers: Sequence[Figures], forms: Sequence[str]) -> None:
    """One table for each form, with the columns that were measured."""
    titles = ("requests/s", "CPU us/req", "instr/req")
    for form in forms:
        base = figures(peers[0], form)
        columns = [number for number, value in enumerate(base) if value]
        print(f"\n{form + ':':<16}" + "".join(f" {titles[number]:>12} {'ratio':>7}" for number in columns))
        for peer in peers:
            own = figures(peer, form)
            print(f"{peer.name:<16}" + "".join(f" {own[n]:>12.{1 if own[n] < 1000 else 0}f} {own[n] / base[n]:>7.2f}"
                                               for n in columns))
