"""mod_wsgi.subscribe_events() and its family, request_data(), active_requests, RequestTimeout; the module's names."""

from __future__ import annotations

import ast
from typing import Any

from httpd import Httpd, at_once, wait_for
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/quiet">', group="quiet") + """
    <Location /handler>
        SetHandler mod_python
        PythonHandler imports
        PythonInterpreter handlers
    </Location>
    """

FILES = {
    "imports.py": "from mod_python import apache\nimport mod_wsgi\n\ndef handler(req):\n"
                  "    req.write(repr((mod_wsgi.process_group, mod_wsgi.application_group, mod_wsgi.version)))\n"
                  "    return apache.OK\n",
    "mod_wsgi/__init__.py": "raise ImportError('the built-in module comes first')\n",
    "mod_wsgi/express.py": "NAME = 'express'\n",
    "htdocs/quiet/app.wsgi": APP + r'''
import mod_wsgi
def raw_data(environ, start_response):
    mod_wsgi.request_data()["n"] = environ["QUERY_STRING"]
    return answer(start_response, (mod_wsgi.request_data(), "active_requests" in vars(mod_wsgi)))

@mod_wsgi.subscribe_shutdown
def stops(name, **event):
    print(name, event, file=sys.stderr)

import atexit
atexit.register(print, "atexit runs", file=sys.stderr)
''',
    "htdocs/own/apache.py": "OWN = 'mine'\n",
    "htdocs/app.wsgi": APP + r'''
import mod_wsgi

events = []

def simple(value):
    if isinstance(value, dict):
        return {key: simple(v) for key, v in value.items() if isinstance(key, str)}
    return value if isinstance(value, (str, int, float, list, type(None))) else type(value).__name__

@mod_wsgi.subscribe_events
def watch(name, **event):
    if name == "process_stopping":
        return
    if name == "request_started":
        event["request_data"]["query"] = event["request_environ"]["QUERY_STRING"]
    if event["request_data"].get("query") == "watch":
        events.append((name, simple({k: v for k, v in event.items() if k not in ("request_environ",)})))

def fails(name, **event):
    raise LookupError("subscriber fails in " + name)

def changes(name, **event):
    if name == "request_started":
        environ = event["request_environ"]
        environ["added"] = "by subscriber"
        def middleware(environ, start_response, inner=event["application_object"]):
            environ["wrapped"] = "yes"
            return inner(environ, start_response)
        return {"application_object": middleware, "extra": 1}
    if name == "response_started":
        return {"ignored": True}
    return 5

def sees(name, **event):
    if name == "request_started":
        event["request_data"]["extra"] = event.get("extra")

def raw_ok(environ, start_response):
    environ["wsgi.input"].read()
    mod_wsgi.request_data()["mine"] = 1
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "8")])
    return [b"'one", b"two'"]

def raw_fails(environ, start_response):
    raise KeyError("on purpose")

def raw_silent(environ, start_response):
    return []

def raw_events(environ, start_response):
    value = list(events)
    events.clear()
    return answer(start_response, value)

def raw_subscribe(environ, start_response):
    function = globals()[environ["QUERY_STRING"]]
    if function in mod_wsgi.event_callbacks:
        mod_wsgi.event_callbacks.remove(function)
        return answer(start_response, "removed")
    return answer(start_response, mod_wsgi.subscribe_events(function) is function)

def raw_changed(environ, start_response):
    return answer(start_response, (environ.get("added"), environ.get("wrapped"), mod_wsgi.request_data().get("extra")))

barrier = threading.Event()

def raw_waits(environ, start_response):
    mod_wsgi.request_data()["waits"] = environ["QUERY_STRING"]
    assert barrier.wait(10)
    return answer(start_response, mod_wsgi.request_data()["waits"])

def raw_active(environ, start_response):
    waiting = sorted(data["waits"] for data in mod_wsgi.active_requests.values() if "waits" in data)
    return answer(start_response, waiting)

def raw_go(environ, start_response):
    barrier.set()
    return answer(start_response, None)

def raw_active_now(environ, start_response):
    mod_wsgi.request_data()["me"] = 1
    ids = list(mod_wsgi.active_requests)
    return answer(start_response, (len(ids), environ["mod_wsgi.request_id"] in ids,
                                   mod_wsgi.active_requests[environ["mod_wsgi.request_id"]]["me"]))

def raw_outside(environ, start_response):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(raised(mod_wsgi.request_data)))
    thread.start()
    thread.join()
    return answer(start_response, seen[0])

def raw_names(environ, start_response):
    import mod_wsgi.express
    return answer(start_response, (
        mod_wsgi.RequestTimeout.__mro__[1].__name__, f"{mod_wsgi.RequestTimeout.__module__}.RequestTimeout",
        mod_wsgi.express.NAME, type(mod_wsgi.shutdown_callbacks).__name__, mod_wsgi.signal_callbacks,
        raised(mod_wsgi.subscribe_events, 5), raised(getattr, mod_wsgi, "nonsense"),
        issubclass(mod_wsgi.LogHandler, logging.Handler)))

import logging

def raw_apache(environ, start_response):
    import apache
    return answer(start_response, {name: value for name, value in vars(apache).items() if name[0] != "_"})

def raw_own_apache(environ, start_response):
    import apache, importlib
    del sys.modules["apache"]
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "own"))
    try:
        own = importlib.import_module("apache").OWN
    finally:
        del sys.path[0], sys.modules["apache"]
    return answer(start_response, own)

def raw_signals(environ, start_response):
    return answer(start_response, mod_wsgi.subscribe_signals(raw_signals) is raw_signals)

def raw_timeout(environ, start_response):
    if environ["QUERY_STRING"] == "late":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"begun")
    raise mod_wsgi.RequestTimeout("too long")
'''}

STARTED = {"request_id", "thread_id", "request_data", "application_object", "callable_object",
           "server_pid", "request_start", "queue_start", "daemon_start", "application_start", "daemon_connects",
           "daemon_restarts"}
RESPONSE = {"request_id", "request_data", "response_status", "response_headers", "exception_info"}
FINISHED = {"request_id", "thread_id", "request_data", "server_pid", "request_start", "queue_start", "daemon_start",
            "application_start", "application_finish", "application_time", "input_reads", "input_length", "input_time",
            "output_writes", "output_length", "output_time", "status", "cpu_user_time", "cpu_system_time", "cpu_time",
            "gil_wait_time", "gil_wait_count"}


def events(httpd: Httpd) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = value(httpd, "raw_events")
    return found


def test_before_anybody_looks_requests_have_data_of_their_own(httpd: Httpd) -> None:
    for n in range(3):
        assert ast.literal_eval(httpd.get(f"/quiet/app.wsgi/raw_data?{n}").text) == ({"n": str(n)}, False)


def test_a_request_is_started_answered_and_finished(httpd: Httpd) -> None:
    events(httpd)
    assert httpd.post("/app.wsgi/raw_ok?watch", b"x" * 1000).text == "'onetwo'"
    (one, started), (two, response), (three, finished) = events(httpd)
    assert (one, two, three) == ("request_started", "response_started", "request_finished")
    assert set(started) == STARTED and set(response) == RESPONSE and set(finished) == FINISHED
    assert started["request_id"] == response["request_id"] == finished["request_id"] != ""
    assert started["callable_object"] == "application" and started["application_object"] == "function"
    assert response["response_status"] == "200 OK" and response["exception_info"] is None
    assert response["response_headers"] == [("Content-Type", "text/plain"), ("Content-Length", "8")]
    assert finished["request_data"]["mine"] == 1 and finished["status"] == 200
    assert finished["input_length"] == 1000 and finished["input_reads"] > 0
    assert finished["output_length"] == 8 and finished["output_writes"] > 0
    assert finished["request_start"] <= finished["application_start"] <= finished["application_finish"]
    queue, daemon = finished["queue_start"], finished["daemon_start"]
    if httpd.group:
        assert finished["request_start"] <= queue <= daemon <= finished["application_start"]
    else:
        assert queue == daemon == 0.0
    assert abs(finished["cpu_time"] - finished["cpu_user_time"] - finished["cpu_system_time"]) < 1e-9
    assert int(started["server_pid"]) in httpd.child_pids() and started["thread_id"] >= 1


def test_an_exception_is_an_event(httpd: Httpd) -> None:
    events(httpd)
    assert httpd.get("/app.wsgi/raw_fails?watch").status == 500
    httpd.claim(r"MP0332: processing[\s\S]*KeyError: 'on purpose'")
    names = [(name, event) for name, event in events(httpd)]
    assert [name for name, _ in names] == ["request_started", "request_exception", "request_finished"]
    assert names[1][1]["exception_info"] == "tuple" and names[2][1]["status"] == 0


def test_a_subscriber_may_wrap_the_application(httpd: Httpd) -> None:
    assert value(httpd, "raw_changed") == (None, None, None)
    assert value(httpd, "raw_subscribe?changes") is True
    assert value(httpd, "raw_subscribe?sees") is True
    assert value(httpd, "raw_changed") == ("by subscriber", "yes", 1)
    assert value(httpd, "raw_subscribe?changes") == value(httpd, "raw_subscribe?sees") == "removed"
    assert value(httpd, "raw_changed") == (None, None, None)


def test_a_subscriber_that_fails_is_logged_and_harms_nobody(httpd: Httpd) -> None:
    value(httpd, "raw_subscribe?fails")
    httpd.claim_failure("a subscriber of response_started", "LookupError: subscriber fails in response_started")
    httpd.claim_failure("a subscriber of request_finished", "LookupError: subscriber fails in request_finished")
    events(httpd)
    assert httpd.get("/app.wsgi/raw_ok?watch").status == 200
    assert len(events(httpd)) == 3
    value(httpd, "raw_subscribe?fails")
    for event in ("request_started", "response_started", "request_finished") * 3 + ("request_started",):
        httpd.claim_failure(f"a subscriber of {event}", "LookupError")


def test_active_requests_are_those_that_run(httpd: Httpd) -> None:
    assert value(httpd, "raw_active_now") == (1, True, 1)
    if httpd.mpm == "prefork":
        return
    value(httpd, "raw_active")

    def work(n: int) -> Any:
        if n:
            return value(httpd, f"raw_waits?{n}")
        wait_for(lambda: value(httpd, "raw_active") == ["1", "2", "3"])
        return value(httpd, "raw_go")
    assert at_once(4, work) == [None, 1, 2, 3] or at_once(1, lambda _: value(httpd, "raw_active")) == [[]]
    wait_for(lambda: value(httpd, "raw_active") == [])


def test_a_thread_without_a_request_has_no_data(httpd: Httpd) -> None:
    assert value(httpd, "raw_outside") == ("RuntimeError", "no active request for thread")


def test_the_modules_names(httpd: Httpd) -> None:
    assert value(httpd, "raw_names") == (
        "BaseException", "mod_wsgi.RequestTimeout", "express", "list", [],
        ("TypeError", "subscribe_events() takes a callable, not int"),
        ("AttributeError", "module 'mod_wsgi' has no attribute 'nonsense'"), True)


def test_apache_says_what_httpd_is(httpd: Httpd) -> None:
    facts = value(httpd, "raw_apache")
    assert set(facts) == {"version", "description", "mpm_name", "build_date", "maximum_processes",
                          "threads_per_process"}
    assert facts["mpm_name"].lower() == httpd.mpm and facts["threads_per_process"] == httpd.application_threads
    assert facts["version"][:2] == (2, 4) and facts["description"].startswith("Apache/2.4.")
    assert value(httpd, "raw_own_apache") == "mine"


def test_python_handlers_have_the_module_too(httpd: Httpd) -> None:
    assert httpd.get("/handler").text == "('', 'handlers', (4, 0, 0))"


def test_signals_are_for_daemons(httpd: Httpd) -> None:
    assert value(httpd, "raw_signals") is True
    if httpd.group:
        assert "MP0377" not in httpd.log_text()
    else:
        httpd.claim(r"\[python:notice\].*MP0377")


def test_a_request_timeout_is_no_error(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_timeout").status == 504
    httpd.claim(r"\[python:info\].*Request interrupted by RequestTimeout; thread recovered\.")
    with httpd.raw() as client:
        client.send_request("GET", "/app.wsgi/raw_timeout?late")
        received = client.receive_all()
    assert received.startswith(b"HTTP/1.1 200") and b"begun" in received and not received.endswith(b"0\r\n\r\n")
    httpd.claim_cut()
    httpd.claim(r"\[python:info\].*Request interrupted by RequestTimeout; thread recovered\.")


def test_the_end_is_told_before_atexit(httpd: Httpd) -> None:
    httpd.get("/quiet/app.wsgi/raw_data?end")
    httpd.end()
    found = httpd.claim(r"process_stopping \{'shutdown_reason': '(\w*)'\}[\s\S]*atexit runs")
    assert found[1] == ("shutdown_signal" if httpd.group else "")
