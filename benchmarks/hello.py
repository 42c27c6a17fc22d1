#!/usr/bin/env python3
"""A hello handler beside the same in C and beside Debian's libapache2-mod-python (3.5), as ratios to the C handler.

Three figures: requests per second (wrk, median of alternating rounds), CPU time per request (of the children, from
/proc), and user-space instructions per request (callgrind). The last one does not depend on what else the machine does;
the target is at most 1.4 times the C handler for the queued form. Ends with status 1 if that is missed.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from common import COMMON, Figures, LeanHttpd, alternate, build_c_module, count_instructions, httpd, load, need, report

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


class Peer(Figures):
    def server(self, directory: Path, mpm: str, name: str) -> LeanHttpd:
        root = directory / name
        root.mkdir()
        return LeanHttpd(
            root, self.conf, {"htdocs/hello.py": PYTHON}, mpm=mpm, python=self.ours, environment={"PATH": PATH}
        )


def make_peers(directory: Path) -> list[Peer]:
    peers = [
        Peer("C handler", f"LoadModule hello_module {build_c_module('mod_hello.c', directory)}\n{COMMON}{IN_C}"),
        Peer("mod_python 4", COMMON + IN_PYTHON, ours=True),
    ]
    old = Path(httpd.apxs("LIBEXECDIR")) / "mod_python.so"
    if old.exists() and Path("/var/lib/dpkg/info/libapache2-mod-python.list").exists():
        peers.append(Peer("mod_python 3.5", f"LoadModule python_module {old}\n{COMMON}{IN_PYTHON}"))
    else:
        print("(mod_python 3.5 is not measured: apt-get install libapache2-mod-python)")
    return peers


# Requests per second and CPU


def measure_speed(peers: Sequence[Peer], directory: Path, rounds: int, seconds: int, connections: int) -> None:
    with ExitStack() as running:
        servers = [
            running.enter_context(peer.server(directory, "event", f"speed-{number}"))
            for number, peer in enumerate(peers)
        ]
        alternate(peers, FORMS, rounds, seconds,
                  lambda which, form, length: load(servers[which], f"/{form}", length, connections))


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


def measure_instructions(peers: Sequence[Peer], directory: Path, few: int, many: int) -> None:
    """The difference of two runs, so that start, end and warm-up (the first `few` requests) do not count."""
    for peer in peers:
        for form in FORMS:
            low, high = (
                count_instructions(
                    peer.server(directory, "prefork", f"{peer.name.replace(' ', '-')}-{form}-{requests}"),
                    PATH,
                    partial(ask, path=f"/{form}", count=requests),
                )
                for requests in (few, many)
            )
            peer.instructions[form] = (high - low) / (many - few)


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
    need(["wrk"] * bool(chosen.rounds) + ["valgrind"] * bool(many))
    httpd.TAG = chosen.engine

    with tempfile.TemporaryDirectory(prefix="mod_python-hello-") as name:
        peers = make_peers(Path(name))
        if chosen.rounds:
            measure_speed(peers, Path(name), chosen.rounds, chosen.seconds, chosen.connections)
        if many:
            measure_instructions(peers, Path(name), few, many)
    report(peers, FORMS)
    if not many:
        return 0
    ratio = peers[1].instructions["queued"] / peers[0].instructions["queued"]
    print(f"\nhello, queued: {ratio:.2f} times the instructions of the C handler; at most {TARGET} is the target")
    return int(ratio > TARGET)


if __name__ == "__main__":
    sys.exit(main())
