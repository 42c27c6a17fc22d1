"""Threaded MPMs: children crashed while they deleted the thread state of a request (#100, #122, #124).

A thread has one state for each interpreter, as long as it lives; handlers may use `threading` as they like.
"""

from httpd import Httpd, at_once, wait_for

MPMS = ("event", "worker")
CHILDREN = 2
THREADS = 24

CONF = "MaxKeepAliveRequests 0\n" + "".join(f"""
    <Location /{name}>
        SetHandler mod_python
        PythonInterpreter {name}
        PythonHandler threaded
    </Location>
    """ for name in ("one", "two", "main_interpreter")) + """
    <Location /mixed>
        SetHandler mod_python
        PythonInterpreter one
        PythonFixupHandler threaded::fixup
        PythonHandler threaded::redirect
        PythonLogHandler threaded::fixup
    </Location>
"""

FILES = {"threaded.py": """
import os, threading
from mod_python import apache

local = threading.local()
lock = threading.RLock()
seen = {}

def handler(req):
    local.count = getattr(local, "count", 0) + 1
    current = threading.current_thread()
    key = (threading.get_ident(), current.name)
    with lock:
        seen[key] = seen.get(key, 0) + 1
        right = seen[key] == local.count
    timer = threading.Timer(0, lambda: None)
    timer.start()
    timer.join()
    queue = []
    thread = threading.Thread(target=queue.append, args=(1,))
    thread.start()
    thread.join()
    req.write("%s %s" % (right, len(queue)))
    return apache.OK

def fixup(req):
    with lock:
        threading.enumerate()
    return apache.OK

def redirect(req):
    req.internal_redirect("/two")
    return apache.OK
"""}


def test_thousands_of_mixed_requests_with_threading(httpd: Httpd) -> None:
    pids = httpd.child_pids()

    def work(index: int) -> set[tuple[int, bytes]]:
        answers = set()
        for _ in range(60):
            with httpd.session() as ask:
                for path in ("/one", "/two", "/main_interpreter", "/mixed", "/one", "/two"):
                    r = ask("GET", path)
                    answers.add((r.status, r.body))
        return answers
    assert set().union(*at_once(12, work)) == {(200, b"True 1")}
    wait_for(lambda: httpd.child_pids() == pids)
    assert "exit signal" not in httpd.log_text()
