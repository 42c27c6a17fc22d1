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
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from common import COMMON, Figures, LeanHttpd, alternate, build_c_module, count_instructions, httpd, load, need, report

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


class Peer(Figures):
    def server(self, directory: Path, mpm: str, name: str) -> LeanHttpd:
        root = directory / name
        root.mkdir()
        return LeanHttpd(root, self.conf, {"htdocs/app.wsgi": APPLICATION}, mpm=mpm, python=self.ours)


def make_peers(directory: Path) -> list[Peer]:
    wsgi = COMMON + PLACE.format(handler="wsgi-script")
    peers = [Peer("C handler", f"LoadModule wsgi_like_module {build_c_module('mod_wsgi_like.c', directory)}\n{COMMON}"
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


def measure_speed(peers: Sequence[Peer], directory: Path, options: argparse.Namespace) -> None:
    with ExitStack() as running:
        servers = [running.enter_context(peer.server(directory, "event", f"speed-{number}"))
                   for number, peer in enumerate(peers)]
        scripts = {form: script_of(form, directory) for form in options.forms}
        alternate(peers, options.forms, options.rounds, options.seconds,
                  lambda which, form, length: load(servers[which], "/", length, options.connections, scripts[form]))


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


def measure_instructions(peers: Sequence[Peer], directory: Path, options: argparse.Namespace) -> None:
    """The difference of two runs, so that start, end and warm-up (the first `few` requests) do not count."""
    few, many = options.requests
    for peer in peers:
        for form in options.forms:
            low, high = (count_instructions(
                peer.server(directory, "prefork", f"{peer.name.replace(' ', '-')}-{form}-{requests}"),
                os.environ["PATH"], partial(ask, form=form, count=requests)) for requests in (few, many))
            peer.instructions[form] = (high - low) / (many - few)


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
    need(["wrk"] * bool(chosen.rounds) + ["valgrind"] * bool(chosen.requests[1]))
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
