"""SEC-91: what applications fork and start has nothing of the server, and does nothing of its."""

from __future__ import annotations

import ast
import os
import signal
from pathlib import Path
from typing import Any

from httpd import Httpd, processes, wait_for

APPLICATION = r"""
import atexit, multiprocessing, os, subprocess, sys, time

@atexit.register
def at_exit():
    with open(__file__ + ".ended", "a") as stream:
        print(os.getpid(), file=stream)

def application(environ, start_response):
    result = globals()[environ["PATH_INFO"][1:]](environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(result).encode()]

def own():
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + fd))
        except OSError:
            pass                # the directory's own
    return found

def pid(environ):
    return os.getpid()

def started(environ):
    return subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True).stdout

def tell(write):
    os.write(write, repr(own()).encode())
    os._exit(0)

def forked(environ):
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        tell(write)
    os.close(write)
    text = b"".join(iter(lambda: os.read(read, 65536), b""))
    os.close(read)
    return eval(text), os.waitpid(child, 0)[1]

def work(number):
    return number * number, os.getpid()

def pooled(environ):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(work, range(10))

def comes_back(environ):
    child = os.fork()
    if child:
        return "the parent's", os.waitpid(child, 0)[1]
    return "the child's", 0

def exits(environ):
    child = os.fork()
    if child:
        return "the parent's", os.waitpid(child, 0)[1]
    sys.exit(5)

def leaves_one_behind(environ):
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    with open(environ["QUERY_STRING"], "w") as stream:
        stream.write(str(child))
    os._exit(3)                 # nobody but the grandchild has our descriptors now

def stays(environ):
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    return child

def signalled(environ):
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    os.kill(child, 15)
    return os.waitpid(child, 0)[1]
"""
FILES = {"site/app.wsgi": APPLICATION}
CONF = """
    WSGIDaemonProcess shop threads=3
    WSGIDaemonProcess other threads=1
    WSGIScriptAlias /shop "${root}/site/app.wsgi" process-group=shop application-group=%{GLOBAL}
    WSGIScriptAlias /child "${root}/site/app.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
    <Directory "${root}/site">
        Require all granted
    </Directory>
"""


def is_running(pid: int) -> bool:
    return any(pid == one and state != "Z" for one, _, _, state in processes())


def ask(httpd: Httpd, path: str) -> Any:
    r = httpd.get(path)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_started_programs_inherit_no_socket(httpd: Httpd) -> None:
    """Even with close_fds=False: everything of ours is close-on-exec."""
    text = ask(httpd, "/shop/started")
    assert "pipe:" in text and "socket:" not in text and "eventpoll" not in text
    files = {line.partition(" -> ")[2] for line in text.splitlines()} - {""}
    assert {name for name in files if name.startswith("/") and not name.startswith(("/proc", "/dev/null"))} <= {
        str(httpd.log_file)}


def test_forked_processes_hold_no_socket(httpd: Httpd) -> None:
    has, status = ask(httpd, "/shop/forked")
    assert status == 0
    assert not [name for name in has if name.startswith(("socket:", "anon_inode:"))]


def test_pools_of_processes_work(httpd: Httpd) -> None:
    results = ask(httpd, "/shop/pooled")
    assert [square for square, _ in results] == [number * number for number in range(10)]
    assert ask(httpd, "/shop/pid") not in {pid for _, pid in results}


def test_a_forked_process_that_comes_back_answers_nothing(httpd: Httpd) -> None:
    pid = ask(httpd, "/shop/pid")
    with httpd.session() as session:
        for path in ("/shop/comes_back", "/shop/exits"):
            r = session("GET", path)
            assert (r.status, r.text) == (200, repr(("the parent's", 256)))
            httpd.claim("MP0465: a process that an application of group 'shop' forked has come back")
        assert session("GET", "/shop/pid").text == str(pid)
    assert not (httpd.root / "site/app.wsgi.ended").exists() and "MP0428" not in httpd.log_text()
    while "SystemExit" in httpd.unclaimed():
        httpd.claim(r"MP0332: .*\n?[\s\S]*?SystemExit: 5")


def test_signals_of_a_forked_process_have_their_usual_meaning(httpd: Httpd) -> None:
    assert ask(httpd, "/shop/signalled") == signal.SIGTERM
    assert "Shutdown requested" not in httpd.log_text()


def test_the_end_of_a_process_is_seen_though_its_child_lives_on(httpd: Httpd, tmp_path: Path) -> None:
    """The answer is 502 at once, not after a time-out."""
    tmp_path.chmod(0o777)
    assert httpd.get(f"/shop/leaves_one_behind?{tmp_path}/pid").status == 502
    httpd.claim("MP0439: no answer of group 'shop': its process has ended")
    httpd.claim("MP0417: Process 'shop' .* has died")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    wait_for(lambda: httpd.get("/shop/pid").status == 200)


def test_a_generation_ends_though_a_process_that_its_child_forked_lives_on(tmp_path: Path) -> None:
    """The supervisor sees that the last child is gone."""
    with Httpd(tmp_path, CONF, FILES) as server:
        old, forked = ask(server, "/shop/pid"), ask(server, "/child/stays")
        try:
            server.graceful()
            wait_for(lambda: not is_running(old), what="the old process of the group to end")
            assert is_running(forked)
        finally:
            os.kill(forked, signal.SIGKILL)
        assert ask(server, "/shop/pid") != old
