#!/usr/bin/env python3
"""A WSGI application beside the same work in a C handler and beside Debian's libapache2-mod-wsgi-py3.

Four requests: hello; 20 headers, all read; a POST of 64 KiB, read at once; an answer of 1 MiB in pieces of 64 KiB.
Three figures, as in hello.py, of which only the user-space instructions per request (callgrind) do not depend on what
else the machine does. Ends with status 1 if one of these is above its target.
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
from hello import COMMON, LeanHttpd, answers, cpu_seconds  # noqa: E402

TARGETS = {"hello": 2.2, "headers": 1.8, "post": 1.7, "chunks": 2.1}    # times the instructions of the C handler
HEADERS = {f"X-Header-{n}": f"value of header {n}" for n in range(20)}
BODY = b"b" * 65536
EXPECTED = {"hello": b"Hello, world\n", "headers": str(sum(map(len, HEADERS.values()))).encode(), "post": b"65536",
            "chunks": b"x" * 1048576}
APPLICATION = """
CHUNK = b"x" * 65536
TYPE = ("Content-Type", "text/plain")
NAMES = [f"HTTP_X_HEADER_{n}" for n in range(20)]

def hello(environ, start_response):
    start_response("200 OK", [TYPE])
    return [b"Hello, world\\n"]

def headers(environ, start_response):
    body = b"%d" % sum([len(environ[name]) for name in NAMES])
    start_response("200 OK", [TYPE])
    return [body]

def post(environ, start_response):
    body = b"%d" % len(environ["wsgi.input"].read())
    start_response("200 OK", [TYPE])
    return [body]

def chunks(environ, start_response):
    start_response("200 OK", [TYPE])
    return (CHUNK for _ in range(16))

forms = {"/hello": hello, "/headers": headers, "/post": post, "/chunks": chunks}

def application(environ, start_response):
    return forms[environ["PATH_INFO"]](environ, start_response)
"""
PLACE = """
    Options +ExecCGI
    <Files "app.wsgi">
        SetHandler {handler}
        <IfDirective WSGIApplicationGroup>
            WSGIApplicationGroup %{{GLOBAL}}
        </IfDirective>
    </Files>
</Directory>
"""


@dataclass
class Peer:
    """One server of the comparison; figures by form."""

    name: str
    conf: str
    ours: bool = False
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    instructions: dict[str, float] = field(default_factory=dict)

    def server(self, directory: Path, mpm: str, name: str) -> LeanHttpd:
        root = directory / name
        root.mkdir()
        return LeanHttpd(root, self.conf, {"htdocs/app.wsgi": APPLICATION}, mpm=mpm, python=self.ours)


def build_c_module(directory: Path) -> Path:
    source = directory / "mod_wsgi_like.c"
    shutil.copy(HERE / "mod_wsgi_like.c", source)
    apxs = os.environ.get("MP_APXS") or shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    done = subprocess.run([apxs, "-c", source.name], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"apxs could not build mod_wsgi_like.c:\n{done.stdout}{done.stderr}")
    return directory / ".libs" / "mod_wsgi_like.so"


def make_peers(directory: Path) -> list[Peer]:
    wsgi = COMMON + PLACE.format(handler="wsgi-script")
    peers = [Peer("C handler", f"LoadModule wsgi_like_module {build_c_module(directory)}\n{COMMON}"
                  + PLACE.format(handler="wsgi-like")), Peer("mod_python 4", wsgi, ours=True)]
    other = Path(httpd.apxs("LIBEXECDIR")) / "mod_wsgi.so"
    if other.exists():
        peers.append(Peer("mod_wsgi", f"LoadModule wsgi_module {other}\n{wsgi}"))
    else:
        print("(mod_wsgi is not measured: apt-get install libapache2-mod-wsgi-py3)")
    return peers


def request(form: str) -> tuple[str, str, bytes | None, dict[str, str]]:
    return ("POST" if form == "post" else "GET", f"/app.wsgi/{form}", BODY if form == "post" else None,
            HEADERS if form == "headers" else {})


# Requests per second and CPU

def script_of(form: str, directory: Path) -> Path:
    """What wrk is to send, in its language."""
    method, path, _, headers = request(form)
    lines = [f'wrk.method = "{method}"', f'wrk.path = "{path}"']
    lines += [f'wrk.headers["{name}"] = "{text}"' for name, text in headers.items()]
    if form == "post":
        lines.append(f'wrk.body = string.rep("b", {len(BODY)})')
    file = directory / f"{form}.lua"
    file.write_text("\n".join(lines))
    return file


def load(server: httpd.Httpd, script: Path, seconds: int, connections: int) -> tuple[float, float]:
    """One round of wrk: requests per second and CPU seconds per request."""
    before = cpu_seconds(server)
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script),
                           f"http://127.0.0.1:{server.port}/"], check=True, capture_output=True, text=True,
                          timeout=seconds + 60)
    used = cpu_seconds(server) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.root.name}: wrk saw errors\n{done.stdout}\n{server.log_text()[-2000:]}")
    count, rate = re.search(r"(\d+) requests in", done.stdout), re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert count and rate, done.stdout
    return float(rate[1]), used / int(count[1])


def measure_speed(peers: Sequence[Peer], directory: Path, options: argparse.Namespace) -> None:
    with ExitStack() as running:
        servers = [running.enter_context(peer.server(directory, "event", f"speed-{number}"))
                   for number, peer in enumerate(peers)]
        for number in range(-1, options.rounds):        # round -1 warms up
            for form in options.forms:
                script = script_of(form, directory)
                for peer, server in zip(peers, servers, strict=True):
                    rate, cpu = load(server, script, options.seconds if number >= 0 else 1, options.connections)
                    if number >= 0:
                        peer.rates.setdefault(form, []).append(rate)
                        peer.cpu.setdefault(form, []).append(cpu)


# Instructions

def ask(port: int, form: str, count: int) -> None:
    """As many requests, one after the other, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(count):
        connection.request(*request(form))
        answer = connection.getresponse()
        body = answer.read()
        if body != EXPECTED[form] or answer.status != 200:
            sys.exit(f"{form}: an answer with status {answer.status}\n{body[:500]!r}")
    connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """By SIGTERM; under valgrind one may get lost between two requests."""
    for _ in range(12):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        return


def count_instructions(peer: Peer, directory: Path, form: str, requests: int) -> int:
    """All user-space instructions of one httpd -X (prefork: no other process, no other request thread)."""
    server = peer.server(directory, "prefork", f"{peer.name.replace(' ', '-')}-{form}-{requests}")
    server.port = httpd.free_ports(1)[0]
    conf = server.root / "conf" / "httpd.conf"
    conf.write_text(server.configuration(server.conf))
    out = server.root / "callgrind.out"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(server.root), "PYTHONHASHSEED": "0"}
    with open(server.root / "valgrind.txt", "wb") as text:
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--trace-children=no", f"--callgrind-out-file={out}",
             httpd.httpd_program(), "-X", "-f", str(conf)], env=environment, stdin=subprocess.DEVNULL, stdout=text,
            stderr=text, preexec_fn=httpd.give_up_root if os.getuid() == 0 else None)
    try:
        httpd.wait_for(lambda: answers(server.port, process), timeout=180, what="httpd under valgrind")
        ask(server.port, form, requests)
        stop(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
    assert totals, f"{out} has no total"
    return int(totals[1])


def measure_instructions(peers: Sequence[Peer], directory: Path, options: argparse.Namespace) -> None:
    """The difference of two runs, so that start, end and warm-up (the first `few` requests) do not count."""
    few, many = options.requests
    for peer in peers:
        for form in options.forms:
            low, high = (count_instructions(peer, directory, form, requests) for requests in (few, many))
            peer.instructions[form] = (high - low) / (many - few)


# The table

def figures(peer: Peer, form: str) -> tuple[float, float, float]:
    """Requests per second, microseconds and instructions per request; 0 for what was not measured."""
    return (median(peer.rates.get(form, [0])), 1e6 * median(peer.cpu.get(form, [0])), peer.instructions.get(form, 0))


def report(peers: Sequence[Peer], forms: Sequence[str]) -> None:
    for form in forms:
        print(f"\n{form + ':':<16} {'requests/s':>12} {'ratio':>7} {'CPU us/req':>12} {'ratio':>7} {'instr/req':>12}"
              f" {'ratio':>7}")
        base = figures(peers[0], form)
        for peer in peers:
            cells = [f" {value:>12.{1 if value < 1000 else 0}f} {value / other:>7.2f}" if value and other
                     else f" {'-':>12} {'-':>7}" for value, other in zip(figures(peer, form), base, strict=True)]
            print(f"{peer.name:<16}" + "".join(cells))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="rounds of wrk (default %(default)s; 0: none)")
    options.add_argument("--seconds", type=int, default=3, help="length of one round (default %(default)s)")
    options.add_argument("--connections", type=int, default=8, help="of wrk (default %(default)s)")
    options.add_argument("--requests", type=int, nargs=2, default=(100, 400), metavar=("FEW", "MANY"),
                         help="of the two callgrind runs (default 100 400; 0 0: none)")
    options.add_argument("--engine", default="", metavar="TAG", help="the engine's Python, such as 313")
    options.add_argument("--forms", nargs="+", default=list(TARGETS), choices=list(TARGETS), help="default: all")
    options.add_argument("--only-ours", action="store_true", help="leave mod_wsgi out")
    chosen = options.parse_args()
    for tool in ["wrk"] * bool(chosen.rounds) + ["valgrind"] * bool(chosen.requests[1]):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install {tool}")
    httpd.TAG = chosen.engine
    with tempfile.TemporaryDirectory(prefix="mod_python-wsgi-") as name:
        peers = make_peers(Path(name))[:2 if chosen.only_ours else None]
        if chosen.rounds:
            measure_speed(peers, Path(name), chosen)
        if chosen.requests[1]:
            measure_instructions(peers, Path(name), chosen)
    report(peers, chosen.forms)
    if not chosen.requests[1]:
        return 0
    missed = 0
    print()
    for form in chosen.forms:
        ratio = peers[1].instructions[form] / peers[0].instructions[form]
        print(f"{form}: {ratio:.2f} times the instructions of the C handler; at most {TARGETS[form]} is the target")
        missed |= ratio > TARGETS[form]
    return missed


if __name__ == "__main__":
    sys.exit(main())
