"""Limits of a group's processes, real Python in them: who goes over one loses a request or a process, and no more."""

from __future__ import annotations

import ast
from typing import Any

from httpd import Httpd, sanitizer, wait_for

APPLICATION = r"""
import mod_wsgi, os, resource, time

def application(environ, start_response):
    result = globals()[environ["PATH_INFO"][1:]](environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(result).encode()]

def pid(query):
    return os.getpid()

def limits(query):
    return {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_CPU")}

def allocate(query):
    return len(bytearray(int(query)))

def devour(query):
    kept = []
    while True:
        kept.append(bytearray(1 << 20))

def burn(query):
    end = time.process_time() + float(query)
    while time.process_time() < end:
        pass
    return os.getpid()

def metrics(query):
    found = mod_wsgi.server_metrics()
    if found is None:
        return None
    workers = [worker for process in found["processes"] for worker in process["workers"]]
    return {"children": [process["pid"] for process in found["processes"] if process["pid"]],
            "requests": [worker["request"] for worker in workers if worker["request"]],
            "limit": found["server_limit"]}
"""
BROKEN = "import nothing_of_that_name\n"
FILES = {"site/app.wsgi": APPLICATION, "site/broken.wsgi": BROKEN}
MIB = 1 << 20
# Sanitizers need room of their own.
CONF = f"""
    ExtendedStatus On
    WSGIDaemonProcess data threads=2 {"" if sanitizer() else f"memory-limit={512 * MIB}"}
    WSGIDaemonProcess address threads=2 {"" if sanitizer() else f"virtual-memory-limit={2048 * MIB}"}
    WSGIDaemonProcess cpu threads=2 cpu-time-limit=1 shutdown-timeout=20
    WSGIDaemonProcess free threads=2 server-metrics=On
    WSGIImportScript ${{root}}/site/broken.wsgi process-group=free application-group=%{{GLOBAL}}
    <Directory "${{root}}/site">
        Require all granted
    </Directory>
""" + "".join(f'WSGIScriptAlias /{name} "${{root}}/site/app.wsgi" process-group={name} application-group=%{{GLOBAL}}\n'
              for name in ("data", "address", "cpu", "free"))
THREADS = 8


def ask(httpd: Httpd, path: str) -> Any:
    r = httpd.get(path)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def claim_broken(httpd: Httpd) -> None:
    httpd.claim(r"WSGIImportScript .*broken.wsgi[\s\S]*?ModuleNotFoundError: No module named 'nothing_of_that_name'\n")


def test_a_preload_that_fails_leaves_the_process_up(httpd: Httpd) -> None:
    """SEC-81"""
    claim_broken(httpd)
    assert ask(httpd, "/free/pid") == ask(httpd, "/free/pid")


def test_limits_are_set_where_the_line_says(httpd: Httpd) -> None:
    free = ask(httpd, "/free/limits")
    assert ask(httpd, "/cpu/limits") == {**free, "RLIMIT_CPU": 1}
    if not sanitizer():
        assert ask(httpd, "/data/limits") == {**free, "RLIMIT_DATA": 512 * MIB}
        assert ask(httpd, "/address/limits") == {**free, "RLIMIT_AS": 2048 * MIB}


def test_too_much_memory_is_a_memory_error(httpd: Httpd) -> None:
    for group, *paths in (("data", f"allocate?{600 * MIB}", "devour"), ("address", f"allocate?{2500 * MIB}")):
        pid = ask(httpd, f"/{group}/pid")
        assert ask(httpd, f"/{group}/allocate?{100 * MIB}") == 100 * MIB
        if sanitizer():         # it ends the process instead
            continue
        for path in paths:
            assert httpd.get(f"/{group}/{path}").status == 500
            httpd.claim(r"MP0332: processing WSGI script[\s\S]*?MemoryError\n")
        assert ask(httpd, f"/{group}/pid") == pid
    assert ask(httpd, f"/free/allocate?{600 * MIB}") == 600 * MIB


def test_cpu_time_ends_a_process_after_its_requests(httpd: Httpd) -> None:
    """SIGXCPU: another process first, and the request is answered."""
    first = ask(httpd, "/cpu/burn?1.6")
    httpd.claim(rf"MP0411: CPU time limit reached, stopping process 'cpu'\. \(pid={first}\)")
    wait_for(lambda: ask(httpd, "/cpu/pid") != first)
    httpd.claim(rf"MP0415: Process 'cpu' \(pid={first}\) has ended")


def test_server_metrics_are_for_groups_that_may(httpd: Httpd) -> None:
    """SEC-69"""
    assert ask(httpd, "/data/metrics") is None
    found = ask(httpd, "/free/metrics")
    assert set(found["children"]) <= httpd.child_pids() and found["children"]
    assert any("/free/metrics" in request for request in found["requests"]) and found["limit"] >= 1
    httpd.graceful()
    wait_for(lambda: httpd.log_text().count("Process 'free'") >= 2)
    assert set(ask(httpd, "/free/metrics")["children"]) & httpd.child_pids()
    assert ask(httpd, "/data/metrics") is None
    claim_broken(httpd)
