#!/usr/bin/env python3
"""A WSGI application in a process group, beside Debian's mod_wsgi in daemon mode and beside gunicorn (gthread) behind
httpd's mod_proxy_http, over kept connections of a unix socket; the same numbers of processes and threads.

Five requests: hello; 1 MiB as one string; 1 MiB in pieces of 64 KiB; 20 headers, all read; a POST of 1 MiB, read at
once. The figure is CPU time per request, user and system, of all processes: httpd's and those that run Python. Ends
with status 1 if the process group does not use the least for hello and the two of 1 MiB.

mod_wsgi comes for Debian's Python: run this with a python of the same version, and with the engine for it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common import COMMON, Figures, LeanHttpd, alternate, figures, httpd, load, need, report

from wsgi import HEADERS

SIZE = 1048576
JUDGED = ("hello", "whole", "pieces")
FORMS = (*JUDGED, "headers", "post")
APPLICATION = f"""
PIECE = b"x" * 65536
WHOLE = PIECE * 16
TYPE = ("Content-Type", "text/plain")
NAMES = [f"HTTP_X_HEADER_{{n}}" for n in range({len(HEADERS)})]

def hello(environ):
    return [b"Hello, world\\n"]

def whole(environ):
    return [WHOLE]

def pieces(environ):
    return (PIECE for _ in range(16))

def headers(environ):
    return [b"%d" % sum([len(environ[name]) for name in NAMES])]

def post(environ):
    return [b"%d" % len(environ["wsgi.input"].read())]

forms = {{"/hello": hello, "/whole": whole, "/pieces": pieces, "/headers": headers, "/post": post}}

def application(environ, start_response):
    body = forms[environ["PATH_INFO"]](environ)
    start_response("200 OK", [TYPE])
    return body
"""
GROUP = """
WSGIDaemonProcess bench processes={processes} threads={threads}
{more}
WSGIScriptAlias / "${{htdocs}}/app.wsgi"
"""
PLACE = """
    WSGIProcessGroup bench
    WSGIApplicationGroup %{GLOBAL}
</Directory>
"""
PROXY = """
</Directory>
ProxyPass "/" "unix:{socket}|http://localhost/" enablereuse=on keepalive=on
"""


class Peer(Figures):
    """One of the servers; gunicorn is started beside it."""

    socket: Path | None = None

    def server(self, root: Path) -> LeanHttpd:
        root.mkdir()
        return LeanHttpd(root, self.conf, {"htdocs/app.wsgi": APPLICATION}, python=self.ours,
                         modules=("proxy", "proxy_http") if self.socket else ())


def make_peers(directory: Path, options: argparse.Namespace) -> list[Peer]:
    group = GROUP.format(processes=options.processes, threads=options.threads, more="{more}") + COMMON + PLACE
    peers = [Peer("mod_python 4", group.replace("{more}", ""), ours=True)]
    other = Path(httpd.apxs("LIBEXECDIR")) / "mod_wsgi.so"
    if other.exists():
        peers.append(Peer("mod_wsgi", f"LoadModule wsgi_module {other}\n{group}".replace(
            "{more}", "WSGISocketPrefix run/wsgi")))
    else:
        print("(mod_wsgi is not measured: apt-get install libapache2-mod-wsgi-py3)")
    proxy = Peer("gunicorn", COMMON + PROXY.format(socket=directory / "gunicorn.sock"))
    proxy.socket = directory / "gunicorn.sock"
    return [*peers, proxy]


# gunicorn

def environment_of_its_own() -> Path:
    """A virtual environment with gunicorn, made once, beside the build."""
    place = httpd.BUILD / f"venv-gunicorn-{sys.version_info[0]}{sys.version_info[1]}"
    if not (place / "bin" / "gunicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", "gunicorn"], check=True)
    return place


@contextmanager
def gunicorn(socket: Path, options: argparse.Namespace) -> Iterator[int]:
    """Its master's pid, which leads a session."""
    directory = socket.parent
    (directory / "app.py").write_text(APPLICATION)
    with open(directory / "gunicorn.log", "wb") as log:
        process = subprocess.Popen(
            [environment_of_its_own() / "bin" / "gunicorn", "--worker-class", "gthread", "--workers",
             str(options.processes), "--threads", str(options.threads), "--keep-alive", "60", "--bind",
             f"unix:{socket}", "app:application"], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
    try:
        httpd.wait_for(socket.exists, timeout=30, what="gunicorn")
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


# Requests

def script_of(form: str, directory: Path) -> Path:
    """What wrk is to send, in its language."""
    lines = [f'wrk.path = "/{form}"']
    if form == "headers":
        lines += [f'wrk.headers["{name}"] = "{text}"' for name, text in HEADERS.items()]
    if form == "post":
        lines += ['wrk.method = "POST"', f'wrk.body = string.rep("b", {SIZE})']
    file = directory / f"{form}.lua"
    file.write_text("\n".join(lines))
    return file


def check(server: httpd.Httpd) -> None:
    """All of them do the same work, before it is measured."""
    for form in FORMS:
        method, body = ("POST", b"b" * SIZE) if form == "post" else ("GET", None)
        answer = server.request(method, f"/{form}", body, HEADERS if form == "headers" else {})
        expected = {"hello": b"Hello, world\n", "headers": b"%d" % sum(map(len, HEADERS.values())),
                    "post": b"%d" % SIZE}.get(form, b"x" * SIZE)
        if answer.status != 200 or answer.body != expected:
            sys.exit(f"{server.root.name}: {form} has status {answer.status}\n{answer.body[:500]!r}\n"
                     f"{server.log_text()[-2000:]}")


def measure(peers: Sequence[Peer], directory: Path, options: argparse.Namespace) -> None:
    with ExitStack() as running:
        leaders = [[running.enter_context(gunicorn(peer.socket, options))] if peer.socket else [] for peer in peers]
        servers = [running.enter_context(peer.server(directory / peer.name.replace(" ", "-"))) for peer in peers]
        for server in servers:
            check(server)
        scripts = {form: script_of(form, directory) for form in options.forms}
        alternate(peers, options.forms, options.rounds, options.seconds,
                  lambda which, form, length: load(servers[which], "/", length, options.connections, scripts[form],
                                                   leaders[which]))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="rounds of wrk (default %(default)s)")
    options.add_argument("--seconds", type=int, default=3, help="length of one round (default %(default)s)")
    options.add_argument("--connections", type=int, default=4, help="of wrk (default %(default)s)")
    options.add_argument("--processes", type=int, default=1, help="that run Python (default %(default)s)")
    options.add_argument("--threads", type=int, default=4, help="of each of them (default %(default)s)")
    options.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS), help="default: all")
    options.add_argument("--only", nargs="+", help="names of the servers to measure")
    chosen = options.parse_args()
    need(["wrk"])
    httpd.TAG = f"{sys.version_info[0]}{sys.version_info[1]}"
    with tempfile.TemporaryDirectory(prefix="mod_python-daemon-") as name:
        peers = [peer for peer in make_peers(Path(name), chosen) if not chosen.only or peer.name in chosen.only]
        measure(peers, Path(name), chosen)
    report(peers, chosen.forms)
    missed = 0
    print()
    for form in JUDGED if peers[0].ours else ():
        if form in chosen.forms and len(peers) > 1:
            ratio = min(figures(peer, form)[1] for peer in peers[1:]) / figures(peers[0], form)[1]
            print(f"{form}: the best of the others takes {ratio:.2f} times the CPU time of the process group")
            missed |= ratio <= 1
    return missed


if __name__ == "__main__":
    sys.exit(main())
