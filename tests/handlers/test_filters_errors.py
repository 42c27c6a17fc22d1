"""Filters that fail (spec: directives 8 and 9): logged, switched off, the rest goes by, the child lives."""

import http.client
import socket
from pathlib import Path

import pytest
from httpd import Httpd, engine_file, engine_files, linked_libraries

MPMS = ("event", "prefork")
MODULES = ("include", "reflector", "filter", "proxy", "proxy_http")
PORTS = ("backend",)

ERRORS = ("raises", "raises_late", "returns_server_return", "exits", "interrupts", "no_module::function", "missing",
          "broken_module", "number", "kills_itself")

CONF = "\n".join(f"""
    <Location /out/{name}>
        PythonOutputFilter {text} {name}
        SetOutputFilter {name}
    </Location>
    <Location /in/{name}>
        PythonInputFilter {text} {name}
        SetInputFilter {name}
    </Location>""" for name in ERRORS for text in [
        "broken" if name == "broken_module" else name if "::" in name else f"filters::{name}"]) + """
    <Location /out>
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
    <Location /in>
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
    <Location /debug>
        SetHandler mod_python
        PythonHandler filters::handler
        PythonDebug On
        PythonOutputFilter filters::raises DEBUG
        PythonInputFilter filters::raises DEBUG
    </Location>
    <Location /debug/out>
        SetOutputFilter DEBUG
    </Location>
    <Location /debug/in>
        SetInputFilter DEBUG
    </Location>
    <Location /undefined>
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
    <Location /undefined/out>
        SetOutputFilter DEBUG
    </Location>
    <Location /undefined/in>
        SetInputFilter DEBUG
    </Location>
    <Location /files/static>
        SetOutputFilter DEBUG
    </Location>
    <Location /files/static_in>
        SetInputFilter DEBUG
    </Location>
    <Location /undefined/dynamic>
        SetOutputFilter MOD_PYTHON
    </Location>
    <Directory "${htdocs}/ssi">
        Options +Includes
        AddType text/html .shtml
        AddOutputFilter INCLUDES .shtml
    </Directory>
    <Location /out/chain>
        PythonOutputFilter filters::raises ONE
        PythonOutputFilter filters::upper TWO
        SetOutputFilter ONE;TWO
    </Location>
    <Location /files>
        PythonInterpreter cannot_start
        PythonOutputFilter filters::upper BLOCKED
        PythonInputFilter filters::upper BLOCKED
    </Location>
    <Location /files/blocked>
        SetOutputFilter BLOCKED
    </Location>
    <Location /files/blocked_in>
        SetInputFilter BLOCKED
    </Location>
    ProxyPass "/backend" "http://127.0.0.1:${backend}/" retry=0
    <Location /backend>
        PythonOutputFilter filters::upper UPPER
        SetOutputFilter UPPER
    </Location>
    <Location /out/handler>
        PythonHandler filters::failing_handler
        PythonOutputFilter filters::upper UPPER
        SetOutputFilter UPPER
    </Location>
"""

FILES = {
    "htdocs/files/static/page.txt": "static", "htdocs/files/static_in/page.txt": "static",
    "htdocs/files/blocked/page.txt": "static", "htdocs/files/blocked_in/page.txt": "static",
    "htdocs/ssi/page.shtml": 'a<!--#include virtual="/files/static/page.txt" -->b',
    "broken.py": "def outputfilter(\n",
    "sitecustomize.py": """
import os
import sys

if os.path.exists(os.path.join(os.path.dirname(__file__), "no_more_interpreters")):
    sys.modules["mod_python"] = None
""",
    "filters.py": r"""
import threading
from mod_python import apache

def handler(req):
    data = req.read()
    req.content_type = "text/plain"
    if req.args == "flushes":
        for word in ("one ", "two ", "three"):
            req.write(word)
    elif req.args == "long":
        req.write("x" * 100000)
    else:
        req.write(data or b"some text")
    return apache.OK

def failing_handler(req):
    req.write("before ")
    raise LookupError("the handler's")

def upper(filter):
    while s := filter.read():
        filter.write(s.upper())
    if s is None:
        filter.close()

def raises(filter):
    filter.write((filter.read(4) or b"").upper())
    raise LookupError("<the filter's> & 'more'")

def raises_late(filter):
    while s := filter.read():
        filter.write(s.upper())
    raise LookupError("at the end")

def returns_server_return(filter):
    raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)

def exits(filter):
    raise SystemExit(1)

def interrupts(filter):
    raise KeyboardInterrupt

number = 5

def kills_itself(filter):
    filter.close()
    raise LookupError("after the end")
"""}

TEXTS = {"raises": "LookupError: <the filter's> & 'more'", "raises_late": "LookupError: at the end",
         "returns_server_return": "SERVER_RETURN: 404", "exits": "SystemExit: 1", "interrupts": "KeyboardInterrupt",
         "no_module::function": "No module named 'no_module'", "missing": "contains no 'missing'",
         "broken_module": "SyntaxError", "number": "'int' object is not callable",
         "kills_itself": "LookupError: after the end"}
CHANGED = {"raises": b"SOME text", "raises_late": b"SOME TEXT", "kills_itself": b""}


def what(name: str) -> str:
    return f"{name} " + ("broken" if name == "broken_module" else name if "::" in name else f"filters::{name}")


@pytest.mark.parametrize("name", ERRORS)
def test_an_output_filter_that_fails_is_logged_and_switched_off(httpd: Httpd, name: str) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            r = ask("GET", f"/out/{name}")
            assert (r.status, r.body) == (200, CHANGED.get(name, b"some text"))
            httpd.claim_failure(what(name), TEXTS[name])


@pytest.mark.parametrize("name", ERRORS)
def test_an_input_filter_that_fails_is_logged_and_switched_off(httpd: Httpd, name: str) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            r = ask("POST", f"/in/{name}", b"some text")
            assert (r.status, r.body) == (200, CHANGED.get(name, b"some text") or b"some text")
            httpd.claim_failure(what(name), TEXTS[name])


def test_a_filter_that_failed_is_not_called_again(httpd: Httpd) -> None:
    assert httpd.get("/out/raises?flushes").body == b"ONE two three"
    httpd.claim_failure(what("raises"), TEXTS["raises"])
    assert httpd.get("/out/raises?long").body == b"XXXX" + b"x" * 99996
    httpd.claim_failure(what("raises"), TEXTS["raises"])
    assert "MP0080" not in httpd.unclaimed()


def test_the_next_filter_sees_the_rest(httpd: Httpd) -> None:
    assert httpd.get("/out/chain").body == b"SOME TEXT"
    httpd.claim_failure("one filters::raises", TEXTS["raises"])


def test_the_report_is_in_the_data_with_debug_on(httpd: Httpd) -> None:
    r = httpd.get("/debug/out")
    assert r.status == 200 and r.headers["Content-Type"] == "text/plain"
    assert r.text.startswith('SOME\n<pre>\nMod_python error: "debug filters::raises"\n\nTraceback (most recent call')
    assert r.text.endswith("LookupError: &lt;the filter&#39;s&gt; &amp; &#39;more&#39;\n</pre>\n text")
    httpd.claim_failure("debug filters::raises", TEXTS["raises"])
    r = httpd.post("/debug/in", b"some text")
    assert r.text.startswith('SOME\n<pre>\nMod_python error: "debug filters::raises"') and r.text.endswith(" text")
    httpd.claim_failure("debug filters::raises", TEXTS["raises"])


@pytest.mark.parametrize("path", ["/undefined/out", "/undefined/out?flushes", "/files/static/page.txt",
                                  "/undefined/dynamic", "/undefined/out?long"])
def test_an_output_filter_that_nothing_defines_is_500(httpd: Httpd, path: str) -> None:
    r = httpd.get(path)
    assert r.status == 500 and b"some text" not in r.body and b"Internal Server Error" in r.body
    httpd.claim(r"MP0240: no PythonOutputFilter that holds for this request defines the output filter")
    if "static" not in path:
        httpd.claim_failure("PythonHandler filters::handler", "OSError")


@pytest.mark.parametrize("path", ["/undefined/in", "/files/static_in/page.txt"])
def test_an_input_filter_that_nothing_defines_is_500(httpd: Httpd, path: str) -> None:
    r = httpd.post(path, b"some text") if path == "/undefined/in" else httpd.get(path)
    assert r.status == 500
    httpd.claim(r"MP0240: no PythonInputFilter that holds for this request defines the input filter 'debug'")
    if path == "/undefined/in":
        httpd.claim_failure("PythonHandler filters::handler", "OSError")


def test_an_undefined_filter_in_an_included_page_cuts_the_answer(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send_request("GET", "/ssi/page.shtml").receive_all()
    assert b"static" not in answer and (b"HTTP/1.1 500" in answer or not answer.endswith(b"0\r\n\r\n"))
    httpd.claim("MP0240")
    httpd.claim("unable to include")


def test_a_handler_that_fails_behind_a_filter(httpd: Httpd) -> None:
    with pytest.raises(http.client.IncompleteRead) as cut:
        httpd.get("/out/handler")
    assert cut.value.partial == b"BEFORE "
    httpd.claim_failure("PythonHandler filters::failing_handler", "the handler's")


def test_the_error_of_a_backend_goes_through(httpd: Httpd) -> None:
    with socket.create_server(("127.0.0.1", httpd.ports["backend"])) as listener, httpd.raw() as client:
        client.send_request("GET", "/backend")
        backend, _ = listener.accept()
        with backend:
            backend.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nbroken off")
        answer = client.receive_all()
    assert b"BROKEN OFF" in answer and not answer.endswith(b"\r\n0\r\n\r\n")
    httpd.claim("AH01110|AH02609|AH01097|error reading from remote server|proxy")


def test_an_interpreter_that_does_not_start_is_500(httpd: Httpd) -> None:
    flag = httpd.write("no_more_interpreters", "")
    for path in ("/files/blocked/page.txt", "/files/blocked_in/page.txt"):
        r = httpd.get(path)
        assert r.status == 500 and b"static" not in r.body
        httpd.claim_failure("the start of interpreter 'cannot_start'", "mod_python")
        httpd.claim("MP0005: interpreter 'cannot_start' is not available")
    flag.unlink()
    assert httpd.get("/files/blocked/page.txt").body == b"STATIC"
    assert httpd.get("/files/blocked_in/page.txt").body == b"static"


def test_a_process_without_python_answers_500(tmp_path: Path) -> None:
    engine = engine_file() or engine_files()[0]
    library = next(name for name in linked_libraries(engine) if name.startswith("libpython")).encode()
    (tmp_path / "broken.so").write_bytes(engine.read_bytes().replace(library, b"libnothon" + library[9:]))
    conf = f"""
        PythonEngine "{tmp_path}/broken.so"
        PythonOutputFilter a OUT
        PythonInputFilter a IN
        <Location /out>
            SetOutputFilter OUT
        </Location>
        <Location /in>
            SetInputFilter IN
        </Location>
        <Location /ssi>
            Options +Includes
            SetOutputFilter INCLUDES
        </Location>
    """
    files = {"htdocs/out/a.txt": "static", "htdocs/in/a.txt": "static",
             "htdocs/ssi/a.txt": 'a<!--#python eval="1" -->b'}
    with Httpd(tmp_path, conf, files, modules=("include",)) as server:
        server.claim("MP0200")
        assert server.get("/out/a.txt").status == 500
        server.claim("MP0241: the output filter 'out' can't run")
        assert server.get("/in/a.txt").status == 500
        server.claim("MP0241: the input filter 'in' can't run")
        assert server.get("/ssi/a.txt").body == b"a[an error occurred while processing this directive]b"
        server.claim("MP0244: .*a.txt can't run")
