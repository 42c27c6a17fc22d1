#!/usr/bin/env python3
"""Resident size of one child process over many requests that touch every kind of object: flat, or it leaks.

Each round asks for every page once; requests are counted one by one. Prints the resident size as it goes, and its
slope over the second half of the run (least squares), in bytes a request: the first half is warm-up, where caches and
malloc's arenas fill. Also counts the request objects that the interpreter still holds at the end. Ends with status 1 if
the slope is above --limit, or if more than a few request objects are left.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import httpd
from httpd import Httpd

CONF = """
PythonPath "['${root}'] + sys.path"
PythonOption colour blue
PythonConnectionHandler pages::connection
MaxKeepAliveRequests 0
Alias "/static" "${htdocs}"
<Location "/page">
    SetHandler mod_python
    PythonHandler pages::content
    PythonAccessHandler pages::access
    PythonFixupHandler pages::fixup
    PythonLogHandler pages::log
    PythonCleanupHandler pages::cleanup
</Location>
<Location "/page/filtered">
    PythonInputFilter pages::lower LOWER
    PythonOutputFilter pages::upper UPPER
    SetInputFilter LOWER
    SetOutputFilter UPPER
</Location>
<Location "/page/included">
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
"""
FILES = {
    "pages.py": '''
import gc

from mod_python import apache


def connection(conn):
    conn.notes["seen"] = "1"
    return apache.DECLINED


def access(req):
    req.me = req                                # a cycle
    req.kept = [req.headers_in, req.connection, req.server]
    return apache.OK


def fixup(req):
    req.get_options()["more"] = "1"
    req.get_config()
    req.add_handler("PythonHandler", lambda req: apache.OK)
    return apache.OK


def content(req):
    req.content_type = "text/plain"
    return globals()[req.path_info[1:] if req.path_info else req.uri.rsplit("/", 1)[1]](req)


def log(req):
    req.log_error("", apache.APLOG_DEBUG)
    return apache.OK


def cleanup(req):
    return apache.OK


def tables(req):
    table = apache.table({"a": "b"})
    table.add("a", "c")
    for source in (req.headers_in, req.headers_out, req.err_headers_out, req.subprocess_env, req.notes, table):
        source["X-One"] = "1"
        source.setdefault("X-Two", "2")
        req.write(repr(source.copy()) + repr(source.items()) + str(list(source)), 0)
        source.pop("X-One")
    return apache.OK


def members(req):
    for thing in (req, req.connection, req.server, req.finfo, req.hlist, apache.stat(__file__, 0)):
        for name in dir(thing):
            if name not in ("remote_ip", "remote_addr"):    # log a warning
                getattr(thing, name, None)
    req.add_common_vars()
    req.add_cgi_vars()
    req.construct_url("/x")
    req.register_cleanup(lambda data: None, req)
    return apache.OK


def body(req):
    req.write(req.readline() + req.read(10) + b"".join(req.readlines()))
    return apache.OK


def redirected(req):
    req.internal_redirect("/page/tables")
    return apache.OK


def failing(req):
    try:
        raise ValueError(req)
    except ValueError:
        raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)


def filtered(req):
    req.write(req.read() + b"answer")
    return apache.OK


def included(req):
    req.content_type = "text/html"
    req.write("""<!--#python eval="filter.req.uri" --> <!--#python exec="filter.write('x' * 100)" -->""")
    return apache.OK


def upper(filter):
    while data := filter.read(1000):
        filter.write(data.upper())
    if data is None:
        filter.close()


def lower(filter):
    while line := filter.readline():
        filter.write(line.lower())
    if line is None:
        filter.close()


def left(req):
    gc.collect()
    req.write(str(sum(type(thing).__name__ == "mp_request" for thing in gc.get_objects())))
    return apache.OK
''',
    "htdocs/file.txt": "static\n" * 100,
}
BODY = b"first line\nsecond line\n" + b"x" * 3000
PAGES: Sequence[tuple[str, str, bytes | None, int]] = (
    ("GET", "/page/tables", None, 200),
    ("GET", "/page/members", None, 200),
    ("POST", "/page/body", BODY, 200),
    ("GET", "/page/redirected", None, 200),
    ("GET", "/page/failing", None, 404),
    ("POST", "/page/filtered", BODY, 200),
    ("GET", "/page/included", None, 200),
    ("GET", "/static/file.txt", None, 200),
)
CONNECTION = 400    # requests on each connection


def resident(pid: int) -> int:
    """The process's resident size in bytes."""
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def slope(points: Sequence[tuple[int, int]]) -> float:
    """Least squares: how much y grows with each x."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def run(server: Httpd, requests: int, report: Callable[[int, int], None]) -> list[tuple[int, int]]:
    """Makes that many requests; (requests so far, resident bytes) a hundred times on the way."""
    (child,) = server.child_pids()
    points = []
    done = 0
    step = max(requests // 100, 1)
    while done < requests:
        with server.session() as ask:
            for _ in range(0, CONNECTION, len(PAGES)):
                for method, path, body, status in PAGES:
                    answer = ask(method, path, body)
                    if answer.status != status:
                        raise RuntimeError(f"{path}: status {answer.status}\n{server.log_text()[-3000:]}")
                    done += 1
                    if done % step == 0:
                        points.append((done, resident(child)))
                        report(*points[-1])
    if server.child_pids() != {child}:
        raise RuntimeError("the child was replaced")
    return points


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=100_000, help="(default %(default)s)")
    options.add_argument("--limit", type=float, default=2.0, help="bytes a request (default %(default)s)")
    options.add_argument("--engine", default="", metavar="TAG", help="the engine's Python, such as 313")
    options.add_argument("--mpm", default="prefork", choices=("prefork", "worker", "event"))
    chosen = options.parse_args()
    httpd.TAG = chosen.engine

    def report(done: int, size: int) -> None:
        if done % max(chosen.requests // 10, 1) == 0:
            print(f"{done:>9} requests   {size / 1024:>9.0f} KiB   {time.perf_counter() - start:>6.0f} s", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="mod_python-memory-") as directory,
        # Threads to spare: event closes a kept-alive connection whose next request finds no idle thread.
        Httpd(Path(directory), CONF, FILES, mpm=chosen.mpm, modules=("include",), threads=8,
              log_level="error") as server,
    ):
        start = time.perf_counter()
        points = run(server, chosen.requests, report)
        left = int(server.get("/page/left").text)
    growth = slope(points[len(points) // 2:])
    print(f"slope over the second half: {growth:.2f} bytes a request; request objects left: {left}")
    return 0 if growth <= chosen.limit and left <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
