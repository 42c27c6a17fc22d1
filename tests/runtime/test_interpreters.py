"""Interpreters by name: isolation, one birth under concurrency, imports without halves, thread states that stay."""

import collections

from client import Response
from httpd import Httpd, at_once, wait_for

MPMS = ("event", "worker", "prefork")
CHILDREN = 2
THREADS = 24

NAMES = [f"fresh{number}" for number in range(5)]

CONF = "".join(f"""
    <Location /{name}>
        SetHandler mod_python
        PythonInterpreter {name}
        PythonHandler {{module}}
    </Location>
    """.replace("{module}", "slow_module" if name.startswith("fresh") else "shelf")
    for name in ["one", "two", "main_interpreter", *NAMES]) + """
    <Location /late>
        SetHandler mod_python
        PythonInterpreter one
        PythonHandler shelf::keep
    </Location>
    <Location /half>
        SetHandler mod_python
        PythonInterpreter half
        PythonHandler half_module
    </Location>
    <Location /local>
        SetHandler mod_python
        PythonInterpreter one
        PythonHandler shelf::local
    </Location>
    <Location /crossing>
        SetHandler mod_python
        PythonInterpreter one
        PythonFixupHandler shelf::mark
        PythonHandler shelf::redirect
    </Location>
    <Location /crossed>
        SetHandler mod_python
        PythonInterpreter two
        PythonHandler shelf::arrive
    </Location>
"""

FILES = {
    "shelf.py": """
import os, sys, threading
from mod_python import apache
import common

kept = []
store = threading.local()

def handler(req):
    common.seen.append(req.interpreter)
    req.write("%s %s %s %s %s" % (os.getpid(), req.interpreter, apache.interpreter, "|".join(sorted(set(common.seen))),
                                  sys.argv))
    return apache.OK

def keep(req):
    if req.args == "keep":
        kept.append(req)
        req.write(str(os.getpid()))
        return apache.OK
    old = kept[0] if kept else None
    answers = [str(os.getpid()), "" if old else "none"]
    # The client has its answer a moment before the request ends.
    for use in (lambda: old.uri, lambda: old.write("x"), lambda: old.headers_in["Host"], lambda: old.read(),
                lambda: old.get_options(), lambda: setattr(old, "status", 200), lambda: old.server,
                lambda: old.connection, lambda: old.log_error("x"), lambda: old.internal_redirect("/one"),
                lambda: old.sendfile("/etc/hostname"), lambda: old.add_handler("PythonHandler", "x")) if old else ():
        try:
            use()
            answers.append("worked")
            break
        except RuntimeError as error:
            answers.append("over" if "this request is over" in str(error) else str(error))
    req.write(" ".join(answers))
    return apache.OK

def local(req):
    store.count = getattr(store, "count", 0) + 1
    req.write("%s.%s %s" % (os.getpid(), threading.get_native_id(), store.count))
    return apache.OK

def mark(req):
    req.marked = "by one"
    return apache.OK

def redirect(req):
    req.internal_redirect("/crossed")
    apache.log_error("back in %s %s" % (apache.interpreter, req.marked), apache.APLOG_WARNING, req.server)
    return apache.OK

def arrive(req):
    req.write("%s %s" % (apache.interpreter, getattr(req.prev, "marked", "nothing crossed")))
    return apache.OK
""",
    "common.py": "seen = []\n",
    "slow_module.py": """
import os, threading

with open(os.path.join(os.path.dirname(__file__), "logs", "loads"), "a") as stream:
    from mod_python import apache
    stream.write("%s %s\\n" % (os.getpid(), apache.interpreter))
threading.Event().wait(0.1)
complete = True

def handler(req):
    import sys
    req.write("%s %s" % (os.getpid(), id(sys.modules["slow_module"])))
    return 0 if complete else 500
""",
    "half_module.py": """
import threading
first = 1
threading.Event().wait(0.2)
if first:
    second = 2

def handler(req):
    req.write(str(first + second))
    return 0
"""}


def test_interpreters_share_no_modules(httpd: Httpd) -> None:
    for name in ("one", "two", "main_interpreter") * 2:
        _, interpreter, apache_interpreter, seen, argv = httpd.get(f"/{name}").text.split(" ")
        assert interpreter == apache_interpreter == seen == name
        assert argv == "['mod_python']"


def test_concurrent_first_requests_make_one_interpreter_and_import_once(httpd: Httpd) -> None:
    def first_requests(name: str) -> list[Response]:
        return at_once(20, lambda _: httpd.get(f"/{name}"))

    for name in NAMES:
        seen = collections.defaultdict(set)
        for r in first_requests(name):
            assert r.status == 200, r.text
            pid, module = r.text.split()
            seen[pid].add(module)
        assert all(len(modules) == 1 for modules in seen.values())
    loads = collections.Counter((httpd.root / "logs" / "loads").read_text().splitlines())
    assert set(loads.values()) == {1}


def test_nobody_sees_a_half_imported_module(httpd: Httpd) -> None:
    assert {(r.status, r.body) for r in at_once(20, lambda _: httpd.get("/half"))} == {(200, b"3")}


def test_a_request_object_that_was_kept_raises(httpd: Httpd) -> None:
    kept_by = httpd.get("/late?keep").text

    def refused() -> bool:
        pid, *answers = httpd.get("/late").text.split()
        return pid == kept_by and answers == ["over"] * 12
    wait_for(refused)


def test_thread_local_data_stays_as_long_as_the_thread(httpd: Httpd) -> None:
    seen: dict[str, list[int]] = collections.defaultdict(list)
    for _ in range(120):
        thread, count = httpd.get("/local").text.split()
        seen[thread].append(int(count))
    assert max(len(counts) for counts in seen.values()) > 1
    for counts in seen.values():
        assert counts == list(range(1, len(counts) + 1))


def test_a_redirect_crosses_into_another_interpreter_and_back(httpd: Httpd) -> None:
    for _ in range(3):
        assert httpd.get("/crossing").text == "two nothing crossed"
        httpd.claim("back in one by one")
    assert {r.text for r in at_once(20, lambda _: httpd.get("/crossing"))} == {"two nothing crossed"}


def test_many_interpreters_under_mixed_load(httpd: Httpd) -> None:
    places = ["one", "two", "main_interpreter", "local", "crossing", *NAMES]
    pids = httpd.child_pids()

    def work(index: int) -> set[int]:
        return {httpd.get("/" + places[(index + step) % len(places)]).status for step in range(20)}
    assert set().union(*at_once(16, work)) == {200}
    assert httpd.child_pids() == pids
